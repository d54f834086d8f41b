import { z } from 'zod';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { type KeyLimitsBody, keyLimitsPath } from '#libs/contracts/key-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import type { SetKeyLimits } from '../auth/ports.ts';

/** What billing says to limits that make no sense, such as of a meter that does not exist. */
const complaint = z.object({ code: z.literal('semantic_error'), detail: z.string() });

/** Limits are billing's to put in force; the gateway only keeps a copy to show. */
export function createSetKeyLimits(billing: InternalClient): SetKeyLimits {
  return async ({ accountId, keyId, limits, requestId }) => {
    const body: KeyLimitsBody = {
      limits: limits.map(({ meter, window, amount }) => ({ meter, window, amount: amount.toString() })),
    };
    const unavailable = (cause: unknown) =>
      problem('service_unavailable', {
        detail: 'The limits of the key cannot be put in force right now, so it was not created.',
        headers: { 'retry-after': '1' },
        cause,
      });
    const answer = await billing
      .call({ method: 'PUT', path: keyLimitsPath(accountId, keyId), requestId, body })
      .catch((error: unknown) => {
        throw unavailable(error);
      });
    if (answer.status === 204) return;
    const { success, data } = complaint.safeParse(answer.body);
    if (success) throw problem('semantic_error', { detail: data.detail, fields: { param: 'limits' } });
    throw unavailable(`billing answered ${answer.status}`);
  };
}
