/** One provider call as the books have it, and as clients see it. */
import type { UsageCall } from '#libs/contracts/usage.ts';
import { formatUsd } from '#libs/money/money.ts';
import { UNIT_CLASSES, type Units } from '#libs/pricing/units.ts';

export type CallRecord = {
  requestId: string;
  callIndex: number;
  admittedAt: Date;
  occurredAt: Date;
  userId: string | null;
  keyId: string | null;
  step: string;
  provider: string;
  model: string;
  endpoint: string;
  status: UsageCall['status'];
  errorCode: string | null;
  usageSource: UsageCall['usage_source'];
  inputTokens: number | null;
  cacheReadTokens: number | null;
  cacheWriteTokens: number | null;
  outputTokens: number | null;
  reasoningTokens: number | null;
  otherUnits: Readonly<Record<string, number>>;
  inputCostNanoUsd: bigint;
  outputCostNanoUsd: bigint;
  costNanoUsd: bigint;
  priceVersion: string;
  attempts: number;
  latencyMs: number;
  firstByteMs: number | null;
  late: boolean;
  overrun: boolean;
  requestBytes: number;
  responseBytes: number;
  providerRequestId: string | null;
};

/** Which of an account's calls are wanted; null is any. */
export type CallFilter = {
  accountId: string;
  userId: string | null;
  provider: string | null;
  model: string | null;
  status: CallRecord['status'] | null;
};

export function presentCall(call: CallRecord): UsageCall {
  return {
    request_id: call.requestId,
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
    other_units: { ...call.otherUnits },
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

/** The units a call was billed by; what the provider did not say stays unknown. */
export function unitsOf(call: CallRecord): Units {
  const units: Record<string, number | undefined> = {
    ...call.otherUnits,
    input: call.inputTokens ?? undefined,
    cache_read: call.cacheReadTokens ?? undefined,
    cache_write: call.cacheWriteTokens ?? undefined,
    output: call.outputTokens ?? undefined,
    reasoning: call.reasoningTokens ?? undefined,
  };
  return Object.fromEntries(UNIT_CLASSES.map((unitClass) => [unitClass, units[unitClass]]));
}
