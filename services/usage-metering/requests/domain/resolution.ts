/** Corrections by staff: what a call of unknown outcome used, by the provider's figures. */
import type { ResolveUsageBody, UnresolvedCall } from '#libs/contracts/unresolved-usage.ts';
import type { CorrectRequest } from '#libs/ledger/correct.ts';
import { usageFacts } from '#libs/ledger/usage-facts.ts';
import { settledMeters } from '#libs/pipelines/meters.ts';
import { type CostParts, costParts, UnpricedClassError } from '#libs/pricing/price.ts';
import type { Units } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';
import { type AlternativeCall, plannedCallOf, readPlan } from './call-plan.ts';
import { type CallRecord, correctedCall, presentCall } from './call-record.ts';

/** @param id validated by the contract. */
export function parseCallId(id: string): { requestId: string; callIndex: number } {
  const [requestId = '', callIndex] = id.split('.');
  return { requestId, callIndex: Number(callIndex) };
}

export function presentUnresolved(call: CallRecord): UnresolvedCall {
  return { ...presentCall(call), id: `${call.holdId}.${call.callIndex}`, account_id: call.accountId };
}

/**
 * The correction of a call, at the prices of its plan. The request failed, so that meters that count results (`gen.blog`)
 * are released.
 *
 * @throws ProblemError `conflict` if the outcome of the call was known, `semantic_error` for usage without a price, or with
 * both a price and a cost.
 */
export function correctionOf(
  call: CallRecord,
  detail: string,
  { usage, cost_nano_usd: given, provider_request_id: providerRequestId }: Omit<ResolveUsageBody, 'reason'>,
): CorrectRequest {
  if (call.usageSource !== 'bound') {
    throw problem('conflict', { detail: 'The outcome of this call is known; it cannot be corrected.' });
  }
  const units: Units = usage;
  const planned = plannedCallOf(readPlan(detail), call);
  const cost = costOf(units, planned, given === undefined ? undefined : BigInt(given));
  return {
    holdId: call.holdId,
    accountId: call.accountId,
    callIndex: call.callIndex,
    meters: settledMeters(
      { index: call.callIndex, provider: call.provider, step: call.step, counts: planned?.counts ?? {} },
      { status: 'error', units, costNanoUsd: cost.totalNanoUsd },
    ),
    facts: {
      step: call.step,
      provider: call.provider,
      model: call.model,
      endpoint: call.endpoint,
      status: call.status,
      errorCode: call.errorCode,
      usageSource: 'provider',
      ...usageFacts(units, cost),
      priceVersion: call.priceVersion,
      latencyMs: 0,
      firstByteMs: null,
      attempts: 0,
      requestBytes: 0,
      responseBytes: 0,
      providerRequestId: providerRequestId ?? null,
    },
  };
}

const FREE: CostParts = { inputNanoUsd: 0n, outputNanoUsd: 0n, totalNanoUsd: 0n };

/** @param given the cost as the provider charged it, for a call without a price. */
function costOf(units: Units, planned: AlternativeCall | undefined, given: bigint | undefined): CostParts {
  if (planned === undefined && given !== undefined)
    return { inputNanoUsd: 0n, outputNanoUsd: given, totalNanoUsd: given };
  if (given !== undefined) {
    throw problem('semantic_error', {
      detail: 'The cost of this call follows from its usage.',
      fields: { param: 'cost_nano_usd' },
    });
  }
  if (Object.values(units).every((count) => !count)) return FREE;
  if (planned === undefined) {
    throw problem('semantic_error', {
      detail: 'The request has no readable plan, so that usage has no price. Give `cost_nano_usd` too.',
      fields: { param: 'usage' },
    });
  }
  try {
    return costParts(units, planned.price);
  } catch (error) {
    if (!(error instanceof UnpricedClassError)) throw error;
    throw problem('semantic_error', {
      detail: `${error.message}.`,
      fields: { param: `usage.${error.unitClass}` },
    });
  }
}

/** What receivers of webhooks learn about the correction of a call; null if no amount differs. */
export function correctionPayload(call: CallRecord, { meters }: CorrectRequest) {
  const before = new Map(call.meters.map((meter, index) => [meter, call.amounts[index] ?? 0n]));
  const names = [...new Set([...before.keys(), ...Object.keys(meters)])].sort();
  const corrections = names.flatMap((meter) => {
    const amount = (meters[meter] ?? 0n) - (before.get(meter) ?? 0n);
    const corrects = `${call.holdId}.${call.callIndex}`;
    const at = call.admittedAt.toISOString();
    return amount === 0n ? [] : [{ id: null, corrects, meter, amount: amount.toString(), occurred_at: at }];
  });
  return corrections.length === 0 ? null : { source: 'provider', corrections };
}

/** Whether a call was corrected to these figures before. */
export function isCorrectedTo(call: CallRecord, { facts }: CorrectRequest): boolean {
  if (call.correction === null) return false;
  const after = correctedCall(call, call.correction);
  const same = (stored: number | null, given: number | undefined) => (stored ?? 0) === (given ?? 0);
  const others = new Map(after.otherClasses.map((name, index) => [name, Number(after.otherAmounts[index])]));
  const names = new Set([...others.keys(), ...Object.keys(facts.otherUnits)]);
  return (
    after.costNanoUsd === facts.inputCostNanoUsd + facts.outputCostNanoUsd &&
    same(after.inputTokens, facts.inputTokens) &&
    same(after.cacheReadTokens, facts.cacheReadTokens) &&
    same(after.cacheWriteTokens, facts.cacheWriteTokens) &&
    same(after.outputTokens, facts.outputTokens) &&
    same(after.reasoningTokens, facts.reasoningTokens) &&
    [...names].every((name) => (others.get(name) ?? 0) === (facts.otherUnits[name] ?? 0))
  );
}
