import type { OverdueHold, SettleRequest } from '#libs/ledger/types.ts';
import { settledMeters } from '#libs/pipelines/meters.ts';
import { boundUsageOf, unsettledSentCalls } from '#libs/pipelines/unknown-outcome.ts';
import { type RecordedCall, readPlan } from '../requests/domain/call-plan.ts';

/** The error code of a call whose hold expired before the call was settled. */
export const HOLD_EXPIRED = 'hold_expired';

/**
 * The calls of an overdue hold that may have been sent, settled at what was held for each. Calls that were never sent are
 * not among them. Null if the hold does not contain its plan.
 */
export function boundSettlements({
  id,
  accountId,
  settledCalls,
  detail,
}: OverdueHold): SettleRequest[] | null {
  const plan = readPlan(detail);
  if (plan === null) return null;
  return unsettledSentCalls(plan.calls, new Set(settledCalls)).map((call) => ({
    holdId: id,
    accountId,
    ...boundSettlement(call),
    close: false,
  }));
}

function boundSettlement(call: RecordedCall): Pick<SettleRequest, 'callIndex' | 'meters' | 'facts'> {
  const { units, cost } = boundUsageOf(call, call.price);
  const { input, output, ...otherUnits } = units;
  return {
    callIndex: call.index,
    meters: settledMeters(call, { status: 'error', units, costNanoUsd: cost.totalNanoUsd }),
    facts: {
      step: call.step,
      provider: call.provider,
      model: call.model,
      endpoint: units.image === undefined ? 'chat.completions' : 'images.generations',
      status: 'error',
      errorCode: HOLD_EXPIRED,
      usageSource: 'bound',
      inputTokens: input,
      cacheReadTokens: undefined,
      cacheWriteTokens: undefined,
      outputTokens: output,
      reasoningTokens: undefined,
      otherUnits: otherUnits as Record<string, number>,
      inputCostNanoUsd: cost.inputNanoUsd,
      outputCostNanoUsd: cost.outputNanoUsd,
      priceVersion: call.price.version,
      latencyMs: 0,
      firstByteMs: null,
      attempts: 1,
      requestBytes: 0,
      responseBytes: 0,
      providerRequestId: null,
    },
  };
}
