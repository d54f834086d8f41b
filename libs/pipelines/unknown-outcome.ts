/**
 * Calls whose outcome is unknown. A call that was sent, and whose cost cannot be determined, counts at what was held for
 * it. Generation and the expiry of holds both use these functions, so that they book the same amounts.
 */
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type CostParts, type ModelPrice, worstCaseNanoUsd } from '#libs/pricing/price.ts';
import type { Units } from '#libs/pricing/units.ts';
import { isContentStep, sourceOf } from './content.ts';
import { ALT_TEXT_STEP, IMAGE_STEP } from './image.ts';
import { boundOf, outputCapOf } from './meters.ts';
import { SAFETY_STEP } from './safety.ts';

export type BoundedCall = Pick<
  PlannedCall,
  'inputTokens' | 'outputTokens' | 'choices' | 'otherUnits' | 'cachesForAnHour'
>;

/** What was held for a call: its largest usage, and the cost of the most expensive split of that usage over the classes. */
export function boundUsageOf(call: BoundedCall, price: ModelPrice): { units: Units; cost: CostParts } {
  const { inputTokens, otherUnits, cachesForAnHour } = call;
  const outputTokens = outputCapOf(call);
  const totalNanoUsd = worstCaseNanoUsd(boundOf(call), price);
  const inputNanoUsd = worstCaseNanoUsd({ inputTokens, outputTokens: 0, cachesForAnHour }, price);
  return {
    units: {
      ...otherUnits,
      ...(inputTokens > 0 && { input: inputTokens }),
      ...(outputTokens > 0 && { output: outputTokens }),
    },
    cost: { inputNanoUsd, outputNanoUsd: totalNanoUsd - inputNanoUsd, totalNanoUsd },
  };
}

/**
 * The calls of a plan that may have been sent, although they did not settle. A call is sent only after the calls of the
 * step before it have settled, so that one whose predecessor has not was never sent.
 */
export function unsettledSentCalls<Call extends { index: number; step: string }>(
  calls: readonly Call[],
  settled: ReadonlySet<number>,
): Call[] {
  return calls.filter(({ index, step }) => {
    if (settled.has(index)) return false;
    const before = stepBefore(step);
    return calls.every((other) => other.step !== before || settled.has(other.index));
  });
}

/** The step whose calls must have ended before a call of this step is sent; null if it is sent at once. */
function stepBefore(step: string): string | null {
  if (isContentStep(step)) return sourceOf(step);
  if (step === ALT_TEXT_STEP) return IMAGE_STEP;
  return step === IMAGE_STEP ? SAFETY_STEP : null;
}
