/** Settles an operation once, however often and late its figures arrive. */
import type { Database } from '#libs/db/database.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';
import { problem } from '#libs/problems/problems.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { isRecordedAs } from './domain.ts';
import { type FoundHold, listRecorded } from './store.ts';

export type Settled = { outcome: 'settled' | 'repeated' | 'corrected'; answer: SettleAnswer };

/**
 * An operation that counts at its bound, because its hold expired or its outcome was unknown, is corrected.
 * @throws ProblemError `conflict` if it is settled with other figures.
 */
export async function settleOnce(
  { database, ledger }: { database: Database; ledger: Pick<Ledger, 'settle' | 'correct'> },
  hold: FoundHold,
  request: SettleRequest,
): Promise<Settled> {
  const unavailable = (error: unknown) => {
    throw meteringUnavailable(error);
  };
  const answer = await ledger.settle(request).catch(unavailable);
  if (answer.outcome !== 'repeated') return { outcome: 'settled', answer };

  const [recorded] = await listRecorded(database, hold, request.callIndex);
  const isBound = recorded?.usageSource === 'bound' && request.facts.usageSource !== 'bound';
  const corrected = isBound && (await ledger.correct(request).catch(unavailable)) === 'corrected';
  if (corrected) return { outcome: 'corrected', answer: { ...answer, late: true } };
  const now = await listRecorded(database, hold, request.callIndex);
  if (isRecordedAs(now, request)) return { outcome: 'repeated', answer };
  throw problem('conflict', { detail: 'This operation is settled with other figures.' });
}
