import type { GenerationRequestHead } from '#libs/contracts/generation-requests.ts';
import type { Tx } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import type { JobOptions } from './commit.ts';

type HeldJob = Pick<GenerationRequestHead, 'requestId' | 'caller' | 'plan' | 'holdExpiresAtMs'>;

/** A job in the background may wait for its turn this long; its hold lasts as long. */
const JOB_HOLD_MS = 24 * 3_600_000;

/**
 * When the hold of a job expires. The gateway holds for as long as a request takes, so that a hold of which no job comes ends
 * soon; the transaction that accepts a job in the background extends it.
 *
 * @throws ProblemError `service_unavailable` if the hold has ended.
 */
export async function extendHold(
  { ledger }: Pick<JobOptions, 'ledger'>,
  tx: Tx,
  { requestId: holdId, caller: { accountId }, plan, holdExpiresAtMs }: HeldJob,
): Promise<Date> {
  if (plan.kind !== 'job') return new Date(holdExpiresAtMs);
  const expiresAt = await ledger.extend({ holdId, accountId, ttlMs: JOB_HOLD_MS }, tx);
  if (expiresAt === null) throw problem('service_unavailable', { headers: { 'retry-after': '1' } });
  return expiresAt;
}
