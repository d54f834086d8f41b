/** The days that a breakdown may cover. */
import type { AnalyticsNeed } from '#libs/catalogue/analytics.ts';
import type { Granularity } from '#libs/contracts/dashboard.ts';
import { addDays, DAY_MS, dayOf } from './months.ts';

export type BreakdownRange = { from: string; to: string; granularity: Granularity };

/** Days have sums; hours are summed from the calls. */
export const maxDays = (granularity: Granularity): number => (granularity === 'hour' ? 7 : 400);

/** Whether both days, included, are in order and few enough. */
export function isValidRange({ from, to, granularity }: BreakdownRange): boolean {
  return from <= to && to < addDays(from, maxDays(granularity));
}

/** What a plan must include to show a range. */
export function neededFor({ from, granularity }: BreakdownRange, now: Date): AnalyticsNeed {
  return { days: (Date.parse(dayOf(now)) - Date.parse(from)) / DAY_MS, hours: granularity === 'hour' };
}
