/**
 * The meters of a provider call. The gateway holds the worst case and generation settles the actual amounts with these
 * functions, so both use the same meters.
 */
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type WorstCase, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import { priceOf } from '#libs/pricing/price-wire.ts';
import { totalTokens, type UnitClass, type Units } from '#libs/pricing/units.ts';
import { CHAT_STEP } from './chat.ts';
import { SAFETY_STEP } from './safety.ts';

export type MeterAmounts = Record<string, bigint>;

/** Counts admitted requests, with the first call of a plan. */
export const REQUESTS_METER = 'api.requests';

const UNIT_METERS: { readonly [K in UnitClass]?: string } = {
  image: 'images',
  audio_second: 'audio.seconds',
};

function add(amounts: MeterAmounts, meter: string, amount: bigint): void {
  amounts[meter] = (amounts[meter] ?? 0n) + amount;
}

/** The most output tokens that a call may be billed for: the cap applies to each completion. */
export function outputCapOf({
  outputTokens,
  choices,
}: Pick<PlannedCall, 'outputTokens' | 'choices'>): number {
  return outputTokens * choices;
}

/** The units that bound the cost of a planned call. */
export function boundOf(
  call: Pick<
    PlannedCall,
    'inputTokens' | 'outputTokens' | 'choices' | 'otherUnits' | 'cachesForAnHour' | 'hearsAudio'
  >,
): WorstCase {
  const { inputTokens, otherUnits, cachesForAnHour, hearsAudio } = call;
  return { inputTokens, outputTokens: outputCapOf(call), otherUnits, cachesForAnHour, hearsAudio };
}

/** The largest amounts that a plan can come to, by meter, at the prices that its calls carry. */
export function worstCaseOf({ calls }: Pick<CallPlan, 'calls'>): MeterAmounts {
  const amounts: MeterAmounts = {};
  for (const call of calls) {
    if (call.fallbacks === undefined) addWorstCase(call, amounts);
    else addHighest([call, ...call.fallbacks], amounts);
  }
  return amounts;
}

function addWorstCase(call: PlannedCall, amounts: MeterAmounts): MeterAmounts {
  return worstCaseMeters(call, worstCaseNanoUsd(boundOf(call), priceOf(call.price)), amounts);
}

/** One of the calls is made. */
function addHighest(calls: readonly PlannedCall[], amounts: MeterAmounts): void {
  const highest = highestOf(calls.map((call) => addWorstCase(call, {})));
  for (const [meter, amount] of Object.entries(highest)) add(amounts, meter, amount);
}

/** The largest amount of each meter. */
export function highestOf(alternatives: readonly MeterAmounts[]): MeterAmounts {
  const highest: MeterAmounts = {};
  for (const amounts of alternatives) {
    for (const [meter, amount] of Object.entries(amounts)) {
      if (amount > (highest[meter] ?? 0n)) highest[meter] = amount;
    }
  }
  return highest;
}

/** The largest amounts of a planned call, added to `amounts`; `costNanoUsd` is its worst case in money. */
export function worstCaseMeters(
  call: PlannedCall,
  costNanoUsd: bigint,
  amounts: MeterAmounts = {},
): MeterAmounts {
  const tokens = BigInt(call.inputTokens + outputCapOf(call));
  addAmounts(amounts, call, tokens, costNanoUsd, call.otherUnits);
  for (const [meter, count] of Object.entries(call.counts)) add(amounts, meter, BigInt(count));
  if (call.index === 0) add(amounts, REQUESTS_METER, 1n);
  return amounts;
}

/**
 * The actual amounts of a call. A call that failed before it produced anything settles no amounts; counted meters
 * (`gen.blog`) are charged only for a call that succeeded, or for a chat that its client ended.
 */
export function settledMeters(
  call: Pick<PlannedCall, 'index' | 'provider' | 'step' | 'counts'>,
  outcome: { status: 'ok' | 'aborted' | 'error'; units: Units; costNanoUsd: bigint },
): MeterAmounts {
  const amounts: MeterAmounts = {};
  const tokens = BigInt(totalTokens(outcome.units));
  if (outcome.status === 'ok' || tokens > 0n || outcome.costNanoUsd > 0n) {
    addAmounts(amounts, call, tokens, outcome.costNanoUsd, outcome.units);
  }
  // A chat whose client left has been read until then.
  const isUsed =
    outcome.status === 'ok' || (call.step === CHAT_STEP && outcome.status === 'aborted' && tokens > 0n);
  if (isUsed) {
    for (const [meter, count] of Object.entries(call.counts)) add(amounts, meter, BigInt(count));
  }
  if (call.index === 0) add(amounts, REQUESTS_METER, 1n);
  return amounts;
}

function addAmounts(
  amounts: MeterAmounts,
  call: Pick<PlannedCall, 'provider' | 'step'>,
  tokens: bigint,
  costNanoUsd: bigint,
  units: Readonly<Record<string, number | undefined>>,
): void {
  add(amounts, 'cost', costNanoUsd);
  if (call.step !== SAFETY_STEP) add(amounts, `calls.${call.provider}`, 1n);
  if (tokens > 0n) {
    add(amounts, 'tokens.total', tokens);
    add(amounts, `tokens.${call.provider}`, tokens);
  }
  for (const [unitClass, meter] of Object.entries(UNIT_METERS)) {
    const count = units[unitClass];
    if (count !== undefined && count > 0) add(amounts, meter, BigInt(count));
  }
}
