/** Projects the cost of a period from its days so far, the weekdays of the history, and earlier errors of the method. */
import { mean, standardDeviation } from 'simple-statistics';
import { divide } from '#libs/money/money.ts';
import { addDays } from './months.ts';

/** Cost by day; a day without calls is missing. */
export type DailyCosts = ReadonlyMap<string, bigint>;

export type ForecastPeriod = { firstDay: string; days: number; daysBegun: number };

export type Forecast = {
  costNanoUsd: bigint;
  /** The usual error as a share of the projection; null without data for it. */
  error: number | null;
  errorFrom: 'past_periods' | 'daily_variance' | null;
  testedPeriods: number;
  hasWeekdays: boolean;
};

const HISTORY_DAYS = 56;
const MIN_HISTORY_DAYS = 28;
/** Weeks of the average that every weekday starts with, so that one odd day weighs little. */
const PRIOR_WEEKS = 2;
const MIN_TESTED = 2;
const MIN_DAYS_FOR_VARIANCE = 3;
/** 80 % of a normal distribution lie within this many deviations. */
const BAND = 1.2816;
const WEIGHT_UNIT = 1_000_000;

/** @param past earlier periods, newest first. */
export function forecast(
  costs: DailyCosts,
  period: ForecastPeriod,
  past: readonly Omit<ForecastPeriod, 'daysBegun'>[],
): Forecast {
  const { costNanoUsd, hasWeekdays } = project(costs, period);
  const errors = past.flatMap((earlier) => errorOf(costs, { ...earlier, daysBegun: period.daysBegun }));
  if (errors.length >= MIN_TESTED)
    return {
      ...{ costNanoUsd, hasWeekdays, error: mean(errors) },
      ...{ errorFrom: 'past_periods', testedPeriods: errors.length },
    };
  const error = varianceError(costs, period, costNanoUsd);
  const errorFrom = error === null ? null : 'daily_variance';
  return { costNanoUsd, hasWeekdays, error, errorFrom, testedPeriods: 0 };
}

function project(costs: DailyCosts, { firstDay, days, daysBegun }: ForecastPeriod) {
  const weights = weekdayWeights(costs, firstDay);
  const weightOf = (count: number) => {
    let sum = 0;
    for (let index = 0; index < count; index += 1) sum += weights?.[weekdayOf(addDays(firstDay, index))] ?? 1;
    return BigInt(Math.round(sum * WEIGHT_UNIT));
  };
  const begun = weightOf(daysBegun);
  const spent = sumOf(costs, firstDay, daysBegun);
  const costNanoUsd = begun === 0n ? spent : divide(spent * weightOf(days), begun, 'half_up');
  return { costNanoUsd: costNanoUsd > spent ? costNanoUsd : spent, hasWeekdays: weights !== null };
}

/** What a day of each weekday costs, as a multiple of the average day; null without enough history. */
function weekdayWeights(costs: DailyCosts, until: string): number[] | null {
  const earliest = [...costs.keys()].sort()[0];
  if (earliest === undefined) return null;
  const from = [earliest, addDays(until, -HISTORY_DAYS)].sort()[1] as string;
  const days = (Date.parse(until) - Date.parse(from)) / 86_400_000;
  const total = Number(sumOf(costs, from, days));
  if (days < MIN_HISTORY_DAYS || total === 0) return null;
  const average = total / days;
  const sums = Array.from({ length: 7 }, () => ({ cost: PRIOR_WEEKS * average, days: PRIOR_WEEKS }));
  for (let index = 0; index < days; index += 1) {
    const day = addDays(from, index);
    const sum = sums[weekdayOf(day)] as { cost: number; days: number };
    sum.cost += Number(costs.get(day) ?? 0n);
    sum.days += 1;
  }
  return sums.map((sum) => sum.cost / sum.days / average);
}

/** The error that the method made at this day of an earlier period; none for a period without cost. */
function errorOf(costs: DailyCosts, period: ForecastPeriod): number[] {
  const actual = Number(sumOf(costs, period.firstDay, period.days));
  if (actual === 0 || sumOf(costs, period.firstDay, period.daysBegun) === 0n) return [];
  return [Math.abs(Number(project(costs, period).costNanoUsd) - actual) / actual];
}

function varianceError(
  costs: DailyCosts,
  { firstDay, days, daysBegun }: ForecastPeriod,
  projected: bigint,
): number | null {
  if (daysBegun < MIN_DAYS_FOR_VARIANCE || projected === 0n) return null;
  const daily = Array.from({ length: daysBegun }, (_, index) =>
    Number(costs.get(addDays(firstDay, index)) ?? 0n),
  );
  return (BAND * standardDeviation(daily) * Math.sqrt(days - daysBegun)) / Number(projected);
}

export function sumOf(costs: DailyCosts, firstDay: string, days: number): bigint {
  let sum = 0n;
  for (let index = 0; index < days; index += 1) sum += costs.get(addDays(firstDay, index)) ?? 0n;
  return sum;
}

const weekdayOf = (day: string) => new Date(day).getUTCDay();
