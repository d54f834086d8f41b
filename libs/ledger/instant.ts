/**
 * Instants in microseconds since 1970, as PostgreSQL stores them; `Date` would lose the microseconds. Infinite instants
 * are ±Infinity.
 */
const ISO_TEXT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-]\d\d(?::\d\d)?)$/;

/** @param text a `timestamptz` in PostgreSQL's ISO format. @throws RangeError for other text. */
export function parseInstant(text: string): number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const [, day, time, fraction = '', zone = ''] = ISO_TEXT.exec(text) ?? [];
  const milliseconds = Date.parse(`${day}T${time}${zone.length === 3 ? `${zone}:00` : zone}`);
  if (Number.isNaN(milliseconds)) throw new RangeError(`Not an instant: ${text}`);
  return milliseconds * 1_000 + Number(fraction.padEnd(6, '0'));
}

/** All rows of a batch have the same instant, or one of a few in turn. */
function rememberLast<Result>(compute: (micros: number) => Result): (micros: number) => Result {
  let last = Number.NaN;
  let result: Result;
  return (micros) => {
    if (micros !== last) {
      result = compute(micros);
      last = micros;
    }
    return result;
  };
}

/** The instant as text that PostgreSQL reads, without characters that an array literal would have to quote. */
export const formatInstant = rememberLast((micros): string => {
  if (micros === Number.POSITIVE_INFINITY) return 'infinity';
  if (micros === Number.NEGATIVE_INFINITY) return '-infinity';
  const rest = ((micros % 1_000) + 1_000) % 1_000;
  const text = new Date((micros - rest) / 1_000).toISOString();
  return `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
});

/** The instant to the millisecond; null for an infinite one. */
export function toDate(micros: number): Date | null {
  return Number.isFinite(micros) ? new Date(Math.floor(micros / 1_000)) : null;
}
