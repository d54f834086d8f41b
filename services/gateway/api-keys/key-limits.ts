import { z } from 'zod';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { type KeyLimitsBody, keyLimitsPath } from '#libs/contracts/key-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import type { SetKeyLimits } from './domain.ts';

/** Billing's refusal of limits, such as one on an unknown meter. */
const refusal = z.object({ code: z.literal('semantic_error'), detail: z.string() });

/** Billing puts limits in force; the gateway keeps a copy for display. */
export function createSetKeyLimits(billing: InternalClient): SetKeyLimits {
  return ({ accountId, keyId, limits, requestId }) => {
    const body: KeyLimitsBody = {
      limits: limits.map(({ meter, window, amount }) => ({ meter, window, amount: amount.toString() })),
    };
    const failure = 'The limits of the key cannot be set right now, so the key was not created.';
    return putLimits(billing, { path: keyLimitsPath(accountId, keyId), body, requestId, failure });
  };
}

/**
 * Has billing put limits in force.
 * @throws ProblemError `semantic_error` with billing's reason, `service_unavailable` with the text of `failure`.
 */
export async function putLimits(
  billing: InternalClient,
  { path, body, requestId, failure }: { path: string; body: object; requestId: string; failure: string },
): Promise<void> {
  const unavailable = (cause: unknown) =>
    problem('service_unavailable', { detail: failure, headers: { 'retry-after': '1' }, cause });
  const answer = await billing.call({ method: 'PUT', path, requestId, body }).catch((error: unknown) => {
    throw unavailable(error);
  });
  if (answer.status === 204) return;
  const { success, data } = refusal.safeParse(answer.body);
  if (success) throw problem('semantic_error', { detail: data.detail, fields: { param: 'limits' } });
  throw unavailable(`billing answered ${answer.status}`);
}
