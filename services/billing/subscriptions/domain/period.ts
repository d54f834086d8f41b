/** A period of a subscription, counted from its anchor as the ledger's function `ledger_window` does. */
export type Period = { start: Date; end: Date };

export const MONTHS_PER_CYCLE = { month: 1, year: 12 } as const;
export type Cycle = keyof typeof MONTHS_PER_CYCLE;

/** Limits with the window `period` reset every month, also where the cycle is a year. */
export const USAGE_PERIOD_MONTHS = 1;

/**
 * The period that contains `at`. Each period is counted from the anchor: an anchor on the 31st falls on the last day of
 * short months and returns to the 31st.
 */
export function periodAt(anchor: Date, months: number, at: Date): Period {
  const between =
    (at.getUTCFullYear() - anchor.getUTCFullYear()) * 12 + at.getUTCMonth() - anchor.getUTCMonth();
  let n = Math.floor(between / months);
  while (addMonths(anchor, n * months) > at) n -= 1;
  while (addMonths(anchor, (n + 1) * months) <= at) n += 1;
  return { start: addMonths(anchor, n * months), end: addMonths(anchor, (n + 1) * months) };
}

/** The same day and time `months` later, or the last day of a shorter month. */
export function addMonths(instant: Date, months: number): Date {
  const moved = new Date(instant);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(instant.getUTCDate(), lastDay));
  return moved;
}
