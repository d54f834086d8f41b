import { PARALLEL_REQUESTS } from '#libs/catalogue/limit.ts';
import type { CallFacts, OverdueHold, SettleRequest } from '#libs/ledger/types.ts';
import { usageFacts } from '#libs/ledger/usage-facts.ts';
import { EXTERNAL_PLAN, withCountedCost } from '#libs/pipelines/external-call.ts';
import { boundOfAny, unsettledSentCalls } from '#libs/pipelines/unknown-outcome.ts';
import type { Units } from '#libs/pricing/units.ts';
import { type AlternativeCall, type RecordedCall, readPlan } from '../requests/domain/call-plan.ts';

/** The error code of a call whose hold expired before the call was settled. */
export const HOLD_EXPIRED = 'hold_expired';

/** The provider and model of a call whose hold has no readable plan. */
export const UNKNOWN_CALL = 'unknown';

/**
 * The calls of an overdue hold that may have been sent, settled at what was held for each. Calls that were never sent are
 * not among them. Without a readable plan, all that the hold has left may have been spent: it counts as one call.
 */
export function boundSettlements(hold: OverdueHold): SettleRequest[] {
  const { id, accountId, settledCalls, detail } = hold;
  const plan = readPlan(detail);
  // Generation knows which calls of a job were sent, and settles those itself, late if need be.
  if (plan?.kind === 'job') return [];
  const bounds =
    plan === null
      ? boundOfRest(hold)
      : unsettledSentCalls(plan.calls, new Set(settledCalls)).map((call) => boundSettlement(call, plan.kind));
  return bounds.map((bound) => ({ holdId: id, accountId, ...bound, close: false }));
}

export type Bound = Pick<SettleRequest, 'callIndex' | 'meters' | 'facts'>;

/** A result may have been delivered before its settlement was lost, so it counts against meters of results (`gen.blog`). */
function boundSettlement(planned: RecordedCall, kind: string): Bound {
  const { call, units, cost, meters } = boundOfAny<AlternativeCall>(planned, 'ok', ({ price }) => price);
  return {
    callIndex: call.index,
    meters,
    facts: {
      ...LOST_CALL,
      step: call.step,
      provider: call.provider,
      model: call.model,
      endpoint: endpointOf(kind, units),
      ...usageFacts(units, withCountedCost(cost, call.counts)),
      priceVersion: call.price.version,
    },
  };
}

function endpointOf(kind: string, units: Units): string {
  if (kind === EXTERNAL_PLAN) return '';
  return units.image === undefined ? 'chat.completions' : 'images.generations';
}

function boundOfRest({ settledCalls, remaining: left }: OverdueHold): Bound[] {
  const { [PARALLEL_REQUESTS]: _, ...remaining } = left;
  // another run may have settled it a moment ago
  if (Object.values(remaining).every((amount) => amount === 0n)) return [];
  const bound = {
    callIndex: Math.max(-1, ...settledCalls) + 1,
    meters: remaining,
    facts: {
      ...LOST_CALL,
      step: UNKNOWN_CALL,
      provider: UNKNOWN_CALL,
      model: UNKNOWN_CALL,
      endpoint: '',
      inputTokens: undefined,
      outputTokens: undefined,
      otherUnits: {},
      inputCostNanoUsd: 0n,
      outputCostNanoUsd: remaining.cost ?? 0n,
      priceVersion: '',
    },
  };
  return [bound];
}

const LOST_CALL = {
  status: 'error',
  errorCode: HOLD_EXPIRED,
  usageSource: 'bound',
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  reasoningTokens: undefined,
  latencyMs: 0,
  firstByteMs: null,
  attempts: 1,
  requestBytes: 0,
  responseBytes: 0,
  providerRequestId: null,
} as const satisfies Partial<CallFacts>;
