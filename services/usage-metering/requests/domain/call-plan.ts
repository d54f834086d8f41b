/** The plan of calls that a hold covers, as the gateway stored it in the hold's detail. */
import { z } from 'zod';
import { displayPrice } from '#libs/contracts/prices.ts';
import { storedCall } from '#libs/contracts/stored-call.ts';
import type { RequestReport } from '#libs/contracts/usage.ts';
import { formatUsd } from '#libs/money/money.ts';
import { boundOf } from '#libs/pipelines/meters.ts';
import { tierFor, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { priceNamed } from '#libs/pricing/service-tiers.ts';
import { promptTokens, reportedUnits } from '#libs/pricing/units.ts';
import { type CallRecord, unitsOf } from './call-record.ts';

const alternativeCall = storedCall.extend({
  cachesForAnHour: z.boolean().optional(),
  hearsAudio: z.boolean().optional(),
});

const plannedCall = alternativeCall.extend({
  after: z.array(z.string()).optional(),
  isSpare: z.boolean().optional(),
  fallbacks: z.array(alternativeCall).optional(),
});

export type AlternativeCall = z.output<typeof alternativeCall>;

const callPlan = z.object({ kind: z.string(), calls: z.array(plannedCall) });

export type RecordedCall = z.output<typeof plannedCall>;

export type RecordedPlan = z.output<typeof callPlan>;

/** Reads a hold's detail; null if it is not a plan of calls. */
export function readPlan(detail: string): RecordedPlan | null {
  try {
    return callPlan.safeParse(JSON.parse(detail)).data ?? null;
  } catch {
    return null;
  }
}

export function presentPlan(plan: RecordedPlan): NonNullable<RequestReport['call_plan']> {
  return {
    kind: plan.kind,
    calls: plan.calls.map((call) => ({
      index: call.index,
      step: call.step,
      provider: call.provider,
      model: call.model,
      input_tokens: call.inputTokens,
      output_tokens: call.outputTokens,
      choices: call.choices,
      other_units: call.otherUnits,
      counts: call.counts,
      price_version: call.price.version,
      worst_case_usd: formatUsd(worstCaseNanoUsd(boundOf(call), call.price)),
    })),
  };
}

/** What was planned for a call that is recorded: by the model that answered, which may be a fallback. */
export function plannedCallOf(
  plan: RecordedPlan | null,
  { callIndex, priceVersion }: Pick<CallRecord, 'callIndex' | 'priceVersion'>,
): AlternativeCall | undefined {
  const planned = plan?.calls.find(({ index }) => index === callIndex);
  const fallback = planned?.fallbacks?.find(({ price }) => priceNamed(price, priceVersion) !== undefined);
  return fallback ?? planned;
}

/** The price of each class of units of a call; empty if the plan has other prices than the call used. */
export function pricedUnitsOf(
  call: CallRecord,
  plan: RecordedPlan | null,
): RequestReport['calls'][number]['priced_units'] {
  const planned = plannedCallOf(plan, call)?.price;
  const price = planned && priceNamed(planned, call.priceVersion);
  if (price === undefined) return [];
  const units = unitsOf(call);
  const tier = tierFor(price, promptTokens(units));
  return reportedUnits(units).flatMap(([unitClass, amount]) => {
    const pico = tier.picoUsdPerUnit[unitClass];
    return pico === undefined || amount === 0n
      ? []
      : [{ class: unitClass, units: Number(amount), ...displayPrice(unitClass, pico) }];
  });
}
