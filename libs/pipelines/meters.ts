/**
 * Which meters a provider call touches. The gateway asks for the worst case and generation settles the facts
 * through the same two functions, so that they cannot name different meters.
 */
import type { PlannedCall } from '#libs/contracts/work.ts';
import type { WorstCase } from '#libs/pricing/price.ts';
import { totalTokens, type UnitClass, type Units } from '#libs/pricing/units.ts';

export type MeterAmounts = Record<string, bigint>;

/** Meter that counts admitted requests; it rides on the first call of a plan. */
export const REQUESTS_METER = 'api.requests';

const UNIT_METERS: { readonly [K in UnitClass]?: string } = {
  image: 'images',
  audio_second: 'audio.seconds',
};

function add(amounts: MeterAmounts, meter: string, amount: bigint): void {
  amounts[meter] = (amounts[meter] ?? 0n) + amount;
}

/** The most output that a call may be billed for, in tokens: each of its choices has the cap to itself. */
export function outputCapOf({
  outputTokens,
  choices,
}: Pick<PlannedCall, 'outputTokens' | 'choices'>): number {
  return outputTokens * choices;
}

/** What bounds the cost of a planned call. */
export function boundOf(
  call: Pick<PlannedCall, 'inputTokens' | 'outputTokens' | 'choices' | 'otherUnits'>,
): WorstCase {
  return { inputTokens: call.inputTokens, outputTokens: outputCapOf(call), otherUnits: call.otherUnits };
}

/** The largest amounts a planned call can come to; `costNanoUsd` is its worst case in money. */
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
 * What a call came to. A call that failed before it produced anything is in the books at no amount;
 * counted meters (`gen.blog`) are charged only for a call that succeeded.
 */
export function settledMeters(
  call: PlannedCall,
  outcome: { status: 'ok' | 'aborted' | 'error'; units: Units; costNanoUsd: bigint },
): MeterAmounts {
  const amounts: MeterAmounts = {};
  const tokens = BigInt(totalTokens(outcome.units));
  if (outcome.status === 'ok' || tokens > 0n || outcome.costNanoUsd > 0n) {
    addAmounts(amounts, call, tokens, outcome.costNanoUsd, outcome.units);
  }
  if (outcome.status === 'ok') {
    for (const [meter, count] of Object.entries(call.counts)) add(amounts, meter, BigInt(count));
  }
  if (call.index === 0) add(amounts, REQUESTS_METER, 1n);
  return amounts;
}

function addAmounts(
  amounts: MeterAmounts,
  call: PlannedCall,
  tokens: bigint,
  costNanoUsd: bigint,
  units: Readonly<Record<string, number | undefined>>,
): void {
  add(amounts, 'cost', costNanoUsd);
  add(amounts, `calls.${call.provider}`, 1n);
  if (tokens > 0n) {
    add(amounts, 'tokens.total', tokens);
    add(amounts, `tokens.${call.provider}`, tokens);
  }
  for (const [unitClass, meter] of Object.entries(UNIT_METERS)) {
    const count = units[unitClass];
    if (count !== undefined && count > 0) add(amounts, meter, BigInt(count));
  }
}
