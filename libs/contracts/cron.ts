/** Times of a schedule: a cron expression of five fields in a time zone. */

type CronFields = {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** With both days and weekdays restricted, one of them is enough, as in every cron. */
  readonly anyDay: boolean;
};

export type CronSchedule = { readonly cron: string; readonly time_zone: string };

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ');
const ITEM = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,2}))?$/;
/** Beyond the next 29 February, and the one after a century without. */
const SEARCHED_DAYS = 366 * 8;
const MINUTE_MS = 60_000;

/** @returns undefined for a text that is no expression. */
function parseCron(cron: string): CronFields | undefined {
  const parts = cron.trim().toLowerCase().split(/\s+/);
  if (parts.length !== 5) return undefined;
  const [minute, hour, day, month, weekday] = parts as [string, string, string, string, string];
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const days = valuesOf(day, 1, 31);
  const months = valuesOf(month, 1, 12, MONTHS, 1);
  const weekdays = valuesOf(weekday, 0, 7, WEEKDAYS, 0);
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  return {
    minutes,
    hours,
    days: new Set(days),
    months: new Set(months),
    weekdays: new Set(weekdays.map((one) => one % 7)),
    anyDay: !day.startsWith('*') && !weekday.startsWith('*'),
  };
}

function valuesOf(
  text: string,
  least: number,
  most: number,
  names: readonly string[] = [],
  first = 0,
): number[] | undefined {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const [, from, to, step] = ITEM.exec(item) ?? [];
    if (from === undefined || (from === '*' && to !== undefined)) return undefined;
    const numberOf = (name: string) => (names.includes(name) ? names.indexOf(name) + first : Number(name));
    const start = from === '*' ? least : numberOf(from);
    const isOpen = from === '*' || (to === undefined && step !== undefined);
    const end = isOpen ? most : numberOf(to ?? from);
    const stride = Number(step ?? 1);
    if (!(start >= least && end <= most && start <= end && stride > 0)) return undefined;
    for (let value = start; value <= end; value += stride) values.add(value);
  }
  return [...values].sort((one, other) => one - other);
}

export function isCron(cron: string): boolean {
  return parseCron(cron) !== undefined;
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
  const { minutes, hours } = fieldsOf(cron);
  return minutes.length * hours.length;
}

/**
 * The first time of a schedule after an instant; null if there is none, such as for 30 February. A local time that a
 * change of the clocks leaves out is an hour later.
 *
 * @throws TypeError for a text that is no expression.
 */
export function nextOccurrence({ cron, time_zone: timeZone }: CronSchedule, after: Date): Date | null {
  const fields = fieldsOf(cron);
  const clock = clockOf(timeZone);
  const today = new Date(after.getTime() + offsetAt(clock, after.getTime()));
  const firstDay = Date.UTC(today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate());
  for (let days = 0; days < SEARCHED_DAYS; days += 1) {
    const day = new Date(firstDay + days * 24 * 60 * MINUTE_MS);
    if (!isDayOf(fields, day)) continue;
    for (const hour of fields.hours) {
      for (const minute of fields.minutes) {
        const at = instantOf(clock, day.getTime() + (hour * 60 + minute) * MINUTE_MS);
        if (at > after.getTime()) return new Date(at);
      }
    }
  }
  return null;
}

function fieldsOf(cron: string): CronFields {
  const fields = parseCron(cron);
  if (fields === undefined) throw new TypeError(`${cron} is no cron expression.`);
  return fields;
}

function isDayOf({ days, months, weekdays, anyDay }: CronFields, day: Date): boolean {
  if (!months.has(day.getUTCMonth() + 1)) return false;
  const isDay = days.has(day.getUTCDate());
  const isWeekday = weekdays.has(day.getUTCDay());
  return anyDay ? isDay || isWeekday : isDay && isWeekday;
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
}

/** Milliseconds that the local clock is ahead of UTC. */
function offsetAt(clock: Intl.DateTimeFormat, instant: number): number {
  const parts = new Map(clock.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const local = Date.UTC(
    ...([
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    ] as const),
  );
  return local - Math.floor(instant / 1_000) * 1_000;
}

/** @param local a local time, as if it were UTC. */
function instantOf(clock: Intl.DateTimeFormat, local: number): number {
  const guess = local - offsetAt(clock, local);
  return local - offsetAt(clock, guess);
}
