/** Finds unusual hours by a robust z-score: one extreme hour moves neither the median nor the deviation. */
import { median, medianAbsoluteDeviation } from 'simple-statistics';

export type HourCost = { hour: Date; costNanoUsd: bigint };

export type Anomaly = { score: number; medianNanoUsd: bigint };

/** Hours with calls that are needed before any hour can be unusual. */
export const MIN_HOURS = 24;
/** Scales the median absolute deviation to the standard deviation of a normal distribution. */
const NORMAL_SCALE = 0.6745;
const MIN_SCORE = 6;
/** An account whose hours all cost the same has no deviation; this share of the median stands in. */
const MIN_DEVIATION_SHARE = 0.1;
/** Small money is no alert, however unusual: 0.10 USD. */
const MIN_EXCESS_NANO_USD = 100_000_000;
const MIN_FACTOR = 3;

/**
 * @param history earlier hours with calls, without the one that is judged.
 * @returns null for a usual hour, and without enough history.
 */
export function findAnomaly(costNanoUsd: bigint, history: readonly bigint[]): Anomaly | null {
  if (history.length < MIN_HOURS) return null;
  const costs = history.map(Number);
  const middle = median(costs);
  const cost = Number(costNanoUsd);
  const deviation = Math.max(medianAbsoluteDeviation(costs), middle * MIN_DEVIATION_SHARE, 1);
  const score = (NORMAL_SCALE * (cost - middle)) / deviation;
  const isUnusual = score >= MIN_SCORE && cost - middle >= MIN_EXCESS_NANO_USD && cost >= MIN_FACTOR * middle;
  return isUnusual ? { score, medianNanoUsd: BigInt(Math.round(middle)) } : null;
}
