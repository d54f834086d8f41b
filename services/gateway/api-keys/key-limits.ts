import { z } from 'zod';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { type KeyLimitsBody, keyLimitsPath } from '#libs/contracts/key-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import type { SetKeyLimits } from './domain.ts';

/** Billing's refusal of limits, such as one on an unknown meter. */
const refusal = z.object({ code: z.literal('semantic_error'), detail: z.string() });

/** Billing puts limits in force; the gateway keeps a copy for display. */
export function createSetKeyLimits(billing: InternalClient): SetKeyLimits {
  return async ({ accountId, keyId, limits, requestId }) => {
    const body: KeyLimitsBody = {
      limits: limits.map(({ meter, window, amount }) => ({ meter, window, amount: amount.toString() })),
    };
    const unavailable = (cause: unknown) =>
      problem('service_unavailable', {
        detail: 'The limits of the key cannot be set right now, so the key was not created.',
        headers: { 'retry-after': '1' },
        cause,
      });
    const answer = await billing
      .call({ method: 'PUT', path: keyLimitsPath(accountId, keyId), requestId, body })
      .catch((error: unknown) => {
        throw unavailable(error);
      });
    if (answer.status === 204) return;
    const { success, data } = refusal.safeParse(answer.body);
    if (success) throw problem('semantic_error', { detail: data.detail, fields: { param: 'limits' } });
    throw unavailable(`billing answered ${answer.status}`);
  };
}
