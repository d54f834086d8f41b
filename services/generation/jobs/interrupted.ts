import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { boundOfAny } from '#libs/pipelines/unknown-outcome.ts';
import { priceOf } from '#libs/pricing/price-wire.ts';
import { CallRecord } from '../calls/domain/call-record.ts';
import { factsOf, priceCall } from '../calls/domain/price-call.ts';
import { commitCall, type JobOptions } from './commit.ts';
import type { StepRow } from './domain/job.ts';

/** The error code of a step whose process ended during a provider call. */
export const OUTCOME_UNKNOWN = 'outcome_unknown';

/**
 * Ends a step whose process ended while it ran. Its call may have been sent and cannot be repeated without paying twice,
 * so it counts at its bound, and the step fails. Its owner decides whether to retry.
 */
export async function settleInterrupted(options: JobOptions, row: StepRow, accountId: string): Promise<void> {
  const { generationId, key, holdId, callsSettled } = row;
  const call = row.calls[callsSettled] as PlannedCall | undefined;
  const failure = {
    code: OUTCOME_UNKNOWN,
    detail:
      'The service ended during this step, and whether the provider charged for its call is unknown. The call counts at what was held for it. Retry the job to run the step again.',
    step: key,
  };
  const step = { generationId, key };
  if (call === undefined) {
    await commitCall(options, step, { kind: 'failed', failure }, null);
    return;
  }
  const { call: highest, meters } = boundOfAny<PlannedCall>(call, 'error', ({ price }) => priceOf(price));
  const priced = priceCall(highest, { units: null, source: 'bound' });
  const outcome = { status: 'error', errorCode: OUTCOME_UNKNOWN, mayBeBilled: true } as const;
  await commitCall(options, step, { kind: 'failed', failure }, async (tx, close) => {
    await options.ledger.settle(
      {
        ...{ holdId, accountId, callIndex: call.index, close },
        meters,
        facts: { ...factsOf(highest, new CallRecord(highest), outcome, priced), attempts: 1 },
      },
      tx,
    );
    return { costNanoUsd: priced.cost.totalNanoUsd, tokens: priced.tokens };
  });
}
