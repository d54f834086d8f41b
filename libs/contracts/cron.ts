/** Times of a schedule: a cron expression of five fields in a time zone. */
import { Cron, CronPattern } from 'croner';

export type CronSchedule = { readonly cron: string; readonly time_zone: string };

const FIVE_FIELDS = { mode: '5-part' } as const;

export function isCron(cron: string): boolean {
  try {
    new CronPattern(cron, undefined, FIVE_FIELDS);
    return true;
  } catch {
    return false;
  }
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** The most runs of one day. @throws TypeError for a text that is no expression. */
export function runsPerDay(cron: string): number {
  const { minute, hour } = new CronPattern(cron, undefined, FIVE_FIELDS);
  const chosen = (flags: readonly number[]) => flags.filter((flag) => flag === 1).length;
  return chosen(minute) * chosen(hour);
}

/**
 * The first time of a schedule after an instant; null if there is none, such as for 30 February. A local time that a
 * change of the clocks leaves out is the moment of the change.
 *
 * @throws TypeError for a text that is no expression.
 */
export function nextOccurrence({ cron, time_zone: timezone }: CronSchedule, after: Date): Date | null {
  return new Cron(cron, { ...FIVE_FIELDS, timezone }).nextRun(after);
}
