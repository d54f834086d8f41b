/**
 * Literals of PostgreSQL arrays (https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO). The driver's own
 * conversion escapes every element; uuids and numbers need none of that, and batches are made of them.
 */
type Plain = number | bigint | boolean;

/** Numbers, booleans, and strings known to need no quoting (uuids). */
export function plainArray(values: readonly (Plain | string | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    text += i === 0 ? (value ?? 'NULL') : `,${value ?? 'NULL'}`;
  }
  return `${text}}`;
}

/** Any text; NUL characters are dropped. */
export function textArray(values: readonly (string | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (i > 0) text += ',';
    text += value === null || value === undefined ? 'NULL' : quoted(value);
  }
  return `${text}}`;
}

/** Control characters and surrogates: JSON may write them by their numbers, which arrays do not know. */
const NUMBERED_IN_JSON = /[^\x20-\ud7ff\ue000-\uffff]/;
const SPECIAL = /["\\]/g;

/** Quotes and backslashes are escaped alike in JSON, and the engine writes JSON faster than we could. */
function quoted(value: string): string {
  if (!NUMBERED_IN_JSON.test(value)) return JSON.stringify(value);
  return `"${value.replaceAll('\0', '').replace(SPECIAL, '\\$&')}"`;
}
