/**
 * Calls whose outcome is unknown. A call that was sent, and whose cost cannot be determined, counts at what was held for
 * it. Generation and the expiry of holds both use these functions, so that they book the same amounts.
 */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type CostParts, type ModelPrice, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import type { Units } from '#libs/pricing/units.ts';
import { IMAGE_STEP } from './image.ts';
import { ALT_TEXT_STEP, STYLE_STEP } from './image-descriptions.ts';
import { boundOf, highestOf, type MeterAmounts, outputCapOf, settledMeters } from './meters.ts';
import { SAFETY_STEP } from './safety.ts';

export type BoundedCall = Pick<
  PlannedCall,
  'inputTokens' | 'outputTokens' | 'choices' | 'otherUnits' | 'cachesForAnHour' | 'hearsAudio'
>;

/** What was held for a call: its largest usage, and the cost of the most expensive split of that usage over the classes. */
export function boundUsageOf(call: BoundedCall, price: ModelPrice): { units: Units; cost: CostParts } {
  const { inputTokens, otherUnits, cachesForAnHour, hearsAudio } = call;
  const outputTokens = outputCapOf(call);
  const totalNanoUsd = worstCaseNanoUsd(boundOf(call), price);
  const inputNanoUsd = worstCaseNanoUsd({ inputTokens, outputTokens: 0, cachesForAnHour, hearsAudio }, price);
  return {
    units: {
      ...otherUnits,
      ...(inputTokens > 0 && { input: inputTokens }),
      ...(outputTokens > 0 && { output: outputTokens }),
    },
    cost: { inputNanoUsd, outputNanoUsd: totalNanoUsd - inputNanoUsd, totalNanoUsd },
  };
}

type AlternativeCall = BoundedCall & Pick<PlannedCall, 'index' | 'provider' | 'step' | 'counts'>;

/**
 * What counts for a call of which only the plan is known. Any of its models may have been called: the most expensive counts, with
 * the highest amount of each meter.
 * @param status `ok` if its result may have been delivered.
 */
export function boundOfAny<Call extends AlternativeCall>(
  call: Call & { readonly fallbacks?: readonly Call[] | undefined },
  status: 'ok' | 'error',
  priceOf: (call: Call) => ModelPrice,
): { call: Call; units: Units; cost: CostParts; meters: MeterAmounts } {
  const bounds = [call, ...(call.fallbacks ?? [])].map((one) => {
    const { units, cost } = boundUsageOf(one, priceOf(one));
    const { totalNanoUsd: costNanoUsd } = cost;
    return { call: one, units, cost, meters: settledMeters(one, { status, units, costNanoUsd }) };
  });
  const highest = bounds.reduce((most, one) => (one.cost.totalNanoUsd > most.cost.totalNanoUsd ? one : most));
  return { ...highest, meters: highestOf(bounds.map(({ meters }) => meters)) };
}

/**
 * The calls of a plan that may have been sent, although they did not settle. A call is sent only after the calls of the
 * steps before it have settled, so that one whose predecessors have not was never sent. Repairs are rare, and the service
 * that runs them settles them itself.
 */
export function unsettledSentCalls<
  Call extends {
    index: number;
    step: string;
    after?: readonly string[] | undefined;
    isSpare?: boolean | undefined;
  },
>(calls: readonly Call[], settled: ReadonlySet<number>): Call[] {
  return calls.filter((call) => {
    if (settled.has(call.index) || call.isSpare === true) return false;
    const before = call.after ?? STEPS_BEFORE[call.step] ?? [];
    return calls.every(({ step, index }) => !before.includes(step) || settled.has(index));
  });
}

/** For calls that do not say it: of images, and of content that an earlier version planned. */
const STEPS_BEFORE: Readonly<Record<string, readonly string[]>> = {
  [ALT_TEXT_STEP]: [IMAGE_STEP],
  [IMAGE_STEP]: [SAFETY_STEP, STYLE_STEP],
  [STYLE_STEP]: [SAFETY_STEP],
  write: ['research'],
  edit: ['write'],
  social: ['edit'],
};
