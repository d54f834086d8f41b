/** One provider call: as the ledger records it, and as clients see it. */
import type { UsageCall } from '#libs/contracts/usage.ts';
import type { usageEvents } from '#libs/db/schema/ledger.ts';
import { formatUsd } from '#libs/money/money.ts';
import { UNIT_CLASSES, type Units } from '#libs/pricing/units.ts';

export type CallRecord = typeof usageEvents.$inferSelect;

/** Selects calls of an account; null selects all. */
export type CallFilter = {
  accountId: string;
  userId: string | null;
  provider: string | null;
  model: string | null;
  status: CallRecord['status'] | null;
};

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
    tokens: {
      input: call.inputTokens,
      cache_read: call.cacheReadTokens,
      cache_write: call.cacheWriteTokens,
      output: call.outputTokens,
      reasoning: call.reasoningTokens,
    },
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
    provider_request_id: call.providerRequestId,
  };
}

/** The units that a call was priced by. A class that the provider did not report is undefined. */
export function unitsOf(call: CallRecord): Units {
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

function otherUnitsOf({ otherClasses, otherAmounts }: CallRecord): Record<string, number> {
  return Object.fromEntries(
    otherClasses.map((unitClass, index) => [unitClass, Number(otherAmounts[index] ?? 0n)]),
  );
}
