import type Stripe from 'stripe';
import type { Period } from './subscription-objects.ts';

const MS_PER_SECOND = 1000;
export const HOUR = 3_600;
export const DAY = 86_400;

export function monthsOf(price: Stripe.Price): number {
  const { interval = 'month', interval_count: count = 1 } = price.recurring ?? {};
  return (interval === 'year' ? 12 : 1) * count;
}

/** The same day and time `months` later, or the last day of a shorter month. */
export function addMonths(seconds: number, months: number): number {
  const from = new Date(seconds * MS_PER_SECOND);
  const moved = new Date(from);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(from.getUTCDate(), lastDay));
  return moved.getTime() / MS_PER_SECOND;
}

/** The period of a subscription that contains `at`, counted from its anchor. */
export function periodAt(anchor: number, months: number, at: number): Period {
  let n = 0;
  while (addMonths(anchor, (n + 1) * months) <= at) n += 1;
  return { start: addMonths(anchor, n * months), end: addMonths(anchor, (n + 1) * months) };
}
