/** Days, and the months of a subscription. */
export const DAY_MS = 86_400_000;

export const dayOf = (instant: Date): string => instant.toISOString().slice(0, 10);

export function addDays(day: string, days: number): string {
  return dayOf(new Date(Date.parse(day) + days * DAY_MS));
}

/** The same day and time n months later; the last day of a month that is too short. */
export function addMonths(anchor: Date, months: number): Date {
  const month = anchor.getUTCMonth() + months;
  const first = new Date(anchor);
  first.setUTCDate(1);
  first.setUTCMonth(month);
  const lastDay = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(anchor.getUTCDate(), lastDay));
  return first;
}

/** The month of the anchor in which an instant lies; negative before the anchor. */
export function monthIndex(anchor: Date, instant: Date): number {
  const years = instant.getUTCFullYear() - anchor.getUTCFullYear();
  const guess = years * 12 + instant.getUTCMonth() - anchor.getUTCMonth();
  return addMonths(anchor, guess) <= instant ? guess : guess - 1;
}

/** The first days of the last `count` months, oldest first, and of the one after. */
export function monthStarts(anchor: Date, now: Date, count: number): string[] {
  const current = monthIndex(anchor, now);
  return Array.from({ length: count + 1 }, (_, index) =>
    dayOf(addMonths(anchor, current - count + 1 + index)),
  );
}
