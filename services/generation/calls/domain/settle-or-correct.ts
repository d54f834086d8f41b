import type { Ledger } from '#libs/ledger/ledger.ts';
import type { SettleAnswer, SettleRequest } from '#libs/ledger/types.ts';

export type SettledOrCorrected = Omit<SettleAnswer, 'outcome'> & {
  outcome: SettleAnswer['outcome'] | 'corrected';
};

/**
 * Settles a call. If its hold expired before, so that the call was recorded at its bound, the record is corrected to these
 * figures: a late settlement is neither lost nor counted twice.
 */
export async function settleOrCorrect(
  ledger: Pick<Ledger, 'settle' | 'correct'>,
  request: SettleRequest,
): Promise<SettledOrCorrected> {
  const answer = await ledger.settle(request);
  if (answer.outcome !== 'repeated' || request.facts.usageSource === 'bound') return answer;
  const outcome = await ledger.correct(request);
  return outcome === 'corrected' ? { ...answer, outcome, late: true } : answer;
}
