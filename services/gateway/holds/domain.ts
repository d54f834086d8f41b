/** Operations of customers' own backends: planned and priced like calls of a request, and settled by the caller. */
import { z } from 'zod';
import type { HoldResource, PlannedOperation, SettleBody } from '#libs/contracts/holds.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { type MeterAmountWire, toMeterAmount } from '#libs/contracts/limits.ts';
import { storedCall } from '#libs/contracts/stored-call.ts';
import type { HoldRequest, SettleRequest } from '#libs/ledger/types.ts';
import { usageFacts } from '#libs/ledger/usage-facts.ts';
import { formatUsd } from '#libs/money/money.ts';
import {
  EXTERNAL_PLAN,
  EXTERNAL_PROVIDER,
  NO_PRICE,
  withCountedCost,
} from '#libs/pipelines/external-call.ts';
import { boundOf, type MeterAmounts, settledMeters, worstCaseMeters } from '#libs/pipelines/meters.ts';
import { boundUsageOf } from '#libs/pipelines/unknown-outcome.ts';
import {
  type CostParts,
  costParts,
  type ModelPrice,
  UnpricedClassError,
  worstCaseNanoUsd,
} from '#libs/pricing/price.ts';
import { toWire } from '#libs/pricing/price-wire.ts';
import type { Units } from '#libs/pricing/units.ts';
import { problem } from '#libs/problems/problems.ts';

/** An operation as the hold's detail has it. */
export type ExternalCall = z.output<typeof storedCall>;

const externalPlan = z.object({ kind: z.literal(EXTERNAL_PLAN), calls: z.array(storedCall) });

/** @param price of its model; none for an operation without one. @throws ProblemError `semantic_error` for an unpriced unit. */
export function planOperation(
  operation: PlannedOperation,
  index: number,
  price: ModelPrice = NO_PRICE,
): ExternalCall {
  const { name, input_tokens, output_tokens, units, meters } = operation;
  const isPriced = operation.model !== undefined;
  const call = {
    index,
    step: name,
    provider: price.provider,
    model: isPriced ? price.model : name,
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    choices: 1,
    otherUnits: units,
    counts: toCounts(meters),
    price,
  };
  priced(`operations.${index}`, () => worstCaseNanoUsd(boundOf(call), price));
  return call;
}

/** Runs a calculation that may meet a unit without a price. */
function priced<Result>(param: string, calculate: () => Result): Result {
  try {
    return calculate();
  } catch (error) {
    if (!(error instanceof UnpricedClassError)) throw error;
    throw problem('semantic_error', { detail: `${error.message}.`, fields: { param } });
  }
}

/** The most that an operation may add to each meter. */
export function heldMeters(call: ExternalCall): MeterAmounts {
  const planned = { ...call, upstreamModel: call.model, price: toWire(call.price) };
  return worstCaseMeters(planned, worstCaseNanoUsd(boundOf(call), call.price));
}

function sumOfMeters(calls: readonly ExternalCall[]): MeterAmounts {
  const sum: MeterAmounts = {};
  for (const call of calls)
    for (const [meter, amount] of Object.entries(heldMeters(call))) sum[meter] = (sum[meter] ?? 0n) + amount;
  return sum;
}

/** What a stop can name. */
function targetsOf(calls: readonly ExternalCall[]): string[] {
  const names = calls.filter(({ provider }) => provider !== EXTERNAL_PROVIDER);
  return [...new Set(names.flatMap(({ provider, model }) => [provider, `${provider}/${model}`]))];
}

/** The detail of a hold. */
function planJson(calls: readonly ExternalCall[]): string {
  const wire = calls.map((call) => ({ ...call, price: toWire(call.price) }));
  return JSON.stringify({ kind: EXTERNAL_PLAN, calls: wire });
}

export function holdRequestOf(
  id: string,
  { accountId, userId, keyId, workspaceId }: Caller,
  calls: readonly ExternalCall[],
  ttlMs: number,
): HoldRequest {
  return {
    ...{ id, accountId, userId, keyId, workspaceId, ttlMs },
    meters: sumOfMeters(calls),
    targets: targetsOf(calls),
    detail: planJson(calls),
    keepRefusal: true,
  };
}

/** The operations of a hold; undefined if it was not made for operations of the customer. */
export function readExternalPlan(detail: string): ExternalCall[] | undefined {
  const parsed = externalPlan.safeParse(JSON.parse(detail));
  return parsed.data?.calls;
}

export function presentHold(id: string, expiresAt: Date, calls: readonly ExternalCall[]): HoldResource {
  const operations = calls.map((call) => {
    const meters = heldMeters(call);
    const { index, step, provider, model, price } = call;
    return {
      ...{ index, name: step, provider, model, price_version: price.version },
      ...costFields(meters.cost ?? 0n),
      meters: presentMeters(meters),
    };
  });
  const cost = sumOfMeters(calls).cost ?? 0n;
  return { id, state: 'open', expires_at: expiresAt.toISOString(), operations, ...costFields(cost) };
}

export function costFields(nanoUsd: bigint): { cost_usd: string; cost_nano_usd: string } {
  return { cost_usd: formatUsd(nanoUsd), cost_nano_usd: nanoUsd.toString() };
}

export function presentMeters(meters: MeterAmounts): MeterAmountWire[] {
  return Object.entries(meters).map(([meter, amount]) => toMeterAmount(meter, amount));
}

/**
 * What a settlement records.
 * @throws ProblemError `semantic_error` for usage that is missing, or has no price.
 */
export function settlementOf(
  hold: { id: string; accountId: string },
  call: ExternalCall,
  body: SettleBody,
): SettleRequest {
  const isUnknown = body.status === 'unknown';
  const { units, cost } = isUnknown ? boundUsageOf(call, call.price) : usageOf(call, body);
  const status = body.status === 'error' ? 'error' : 'ok';
  const counts = isUnknown ? call.counts : countsOf(call, body);
  return {
    holdId: hold.id,
    accountId: hold.accountId,
    callIndex: call.index,
    meters: settledMeters({ ...call, counts }, { status, units, costNanoUsd: cost.totalNanoUsd }),
    facts: {
      step: call.step,
      provider: call.provider,
      model: call.model,
      endpoint: '',
      status: isUnknown ? 'error' : status,
      errorCode: isUnknown ? 'outcome_unknown' : null,
      usageSource: isUnknown ? 'bound' : 'provider',
      ...usageFacts(units, status === 'ok' ? withCountedCost(cost, counts) : cost),
      priceVersion: call.price.version,
      latencyMs: body.latency_ms,
      firstByteMs: null,
      attempts: 1,
      requestBytes: 0,
      responseBytes: 0,
      providerRequestId: body.provider_request_id ?? null,
    },
    close: body.close,
  };
}

function usageOf(call: ExternalCall, { usage, status }: SettleBody): { units: Units; cost: CostParts } {
  const isPriced = call.price.version !== NO_PRICE.version;
  if (isPriced && usage === undefined && status === 'ok')
    throw problem('semantic_error', {
      detail: 'Give the usage of the operation, or the status `unknown`.',
      fields: { param: 'usage' },
    });
  const units: Units = usage ?? {};
  return { units, cost: priced('usage', () => costParts(units, call.price)) };
}

function countsOf(call: ExternalCall, { meters }: SettleBody): Record<string, number> {
  return meters === undefined ? call.counts : toCounts(meters);
}

/** The contract keeps amounts below 10^15, which numbers hold exactly. */
function toCounts(meters: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(meters).map(([meter, amount]) => [meter, Number(amount)]));
}

/** Whether what is recorded of an operation, with its correction, is what a settlement would record. */
export function isRecordedAs(
  recorded: readonly { meters: readonly string[]; amounts: readonly bigint[] }[],
  { meters }: SettleRequest,
): boolean {
  const sums: MeterAmounts = {};
  for (const row of recorded)
    for (const [index, meter] of row.meters.entries())
      sums[meter] = (sums[meter] ?? 0n) + (row.amounts[index] ?? 0n);
  const names = new Set([...Object.keys(sums), ...Object.keys(meters)]);
  return [...names].every((meter) => (sums[meter] ?? 0n) === (meters[meter] ?? 0n));
}
