/** One provider call: as the ledger records it, and as clients see it. */
import type { UsageCall, UsageCorrection } from '#libs/contracts/usage.ts';
import type { usageEvents } from '#libs/db/schema/ledger.ts';
import { formatUsd } from '#libs/money/money.ts';
import { UNIT_CLASSES, type Units } from '#libs/pricing/units.ts';

type UsageRow = typeof usageEvents.$inferSelect;

/** A call with the row that corrects it, whose figures are differences; null if there is none. */
export type CallRecord = UsageRow & { correction: UsageRow | null };

/** Selects calls of an account; null selects all. */
export type CallFilter = {
  accountId: string;
  userId: string | null;
  /** By the partner's name for the end user. */
  endUser: string | null;
  provider: string | null;
  model: string | null;
  status: CallRecord['status'] | null;
  keyId: string | null;
  workspaceId: string | null;
  /** Admitted at this time or later, and before that one. */
  from: Date | null;
  to: Date | null;
};

/** What a caller asks for, of the calls that the caller may see. */
export type CallQuery = {
  from?: string | undefined;
  to?: string | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  status?: CallRecord['status'] | undefined;
  user_id?: string | undefined;
  end_user?: string | undefined;
  key_id?: string | undefined;
  workspace_id?: string | undefined;
};

/** @param ownUserId the only user whose calls the caller sees; null for all. @returns null where it can have no calls. */
export function callFilterOf(
  accountId: string,
  ownUserId: string | null,
  query: CallQuery,
): CallFilter | null {
  if (ownUserId !== null && query.user_id !== undefined && query.user_id !== ownUserId) return null;
  return {
    accountId,
    userId: ownUserId ?? query.user_id ?? null,
    endUser: query.end_user ?? null,
    provider: query.provider ?? null,
    model: query.model ?? null,
    status: query.status ?? null,
    keyId: query.key_id ?? null,
    workspaceId: query.workspace_id ?? null,
    from: query.from === undefined ? null : new Date(query.from),
    to: query.to === undefined ? null : new Date(query.to),
  };
}

export function presentCall(call: CallRecord): UsageCall {
  return {
    request_id: call.holdId,
    call_index: call.callIndex,
    admitted_at: call.admittedAt.toISOString(),
    occurred_at: call.occurredAt.toISOString(),
    user_id: call.userId,
    key_id: call.keyId,
    step: call.step,
    provider: call.provider,
    model: call.model,
    endpoint: call.endpoint,
    status: call.status,
    error_code: call.errorCode,
    usage_source: call.usageSource,
    tokens: tokensOf(call),
    other_units: otherUnitsOf(call),
    input_cost_usd: formatUsd(call.inputCostNanoUsd),
    output_cost_usd: formatUsd(call.outputCostNanoUsd),
    cost_usd: formatUsd(call.costNanoUsd),
    cost_nano_usd: call.costNanoUsd.toString(),
    price_version: call.priceVersion,
    attempts: call.attempts,
    latency_ms: call.latencyMs,
    first_byte_ms: call.firstByteMs,
    late: call.late,
    overrun: call.overrun,
    request_bytes: call.requestBytes,
    response_bytes: call.responseBytes,
    provider_request_id: call.correction?.providerRequestId ?? call.providerRequestId,
    correction: call.correction && presentCorrection(call, call.correction),
  };
}

function presentCorrection(call: UsageRow, change: UsageRow): UsageCorrection {
  const after = correctedCall(call, change);
  return {
    occurred_at: change.occurredAt.toISOString(),
    status: change.status,
    usage_source: change.usageSource,
    tokens: tokensOf(after),
    other_units: otherUnitsOf(after),
    cost_usd: formatUsd(after.costNanoUsd),
    cost_nano_usd: after.costNanoUsd.toString(),
    change_usd: formatUsd(change.costNanoUsd),
    change_nano_usd: change.costNanoUsd.toString(),
  };
}

/** The figures of a call after its correction. */
export function correctedCall(call: UsageRow, change: UsageRow): UsageRow {
  const others = sumByName([call, change]);
  return {
    ...call,
    inputTokens: sumKnown(call.inputTokens, change.inputTokens),
    cacheReadTokens: sumKnown(call.cacheReadTokens, change.cacheReadTokens),
    cacheWriteTokens: sumKnown(call.cacheWriteTokens, change.cacheWriteTokens),
    outputTokens: sumKnown(call.outputTokens, change.outputTokens),
    reasoningTokens: sumKnown(call.reasoningTokens, change.reasoningTokens),
    otherClasses: [...others.keys()],
    otherAmounts: [...others.values()],
    inputCostNanoUsd: call.inputCostNanoUsd + change.inputCostNanoUsd,
    outputCostNanoUsd: call.outputCostNanoUsd + change.outputCostNanoUsd,
    costNanoUsd: call.costNanoUsd + change.costNanoUsd,
  };
}

/** Unknown only if both are unknown. */
function sumKnown(left: number | null, right: number | null): number | null {
  return left === null && right === null ? null : (left ?? 0) + (right ?? 0);
}

function sumByName(rows: readonly Pick<UsageRow, 'otherClasses' | 'otherAmounts'>[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { otherClasses, otherAmounts } of rows) {
    for (const [index, name] of otherClasses.entries())
      sums.set(name, (sums.get(name) ?? 0n) + (otherAmounts[index] ?? 0n));
  }
  return sums;
}

function tokensOf(call: UsageRow): UsageCall['tokens'] {
  return {
    input: call.inputTokens,
    cache_read: call.cacheReadTokens,
    cache_write: call.cacheWriteTokens,
    output: call.outputTokens,
    reasoning: call.reasoningTokens,
  };
}

/** The units that a call was priced by. A class that the provider did not report is undefined. */
export function unitsOf(call: UsageRow): Units {
  const units: Record<string, number | undefined> = {
    ...otherUnitsOf(call),
    input: call.inputTokens ?? undefined,
    cache_read: call.cacheReadTokens ?? undefined,
    cache_write: call.cacheWriteTokens ?? undefined,
    output: call.outputTokens ?? undefined,
    reasoning: call.reasoningTokens ?? undefined,
  };
  return Object.fromEntries(UNIT_CLASSES.map((unitClass) => [unitClass, units[unitClass]]));
}

function otherUnitsOf({ otherClasses, otherAmounts }: UsageRow): Record<string, number> {
  return Object.fromEntries(
    otherClasses.map((unitClass, index) => [unitClass, Number(otherAmounts[index] ?? 0n)]),
  );
}
