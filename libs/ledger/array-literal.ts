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

const SPECIAL = /["\\]/g;

/** Any text; NUL characters are dropped. */
export function textArray(values: readonly (string | null)[]): string {
  let text = '{';
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (i > 0) text += ',';
    text += value === null || value === undefined ? 'NULL' : `"${quotable(value)}"`;
  }
  return `${text}}`;
}

function quotable(value: string): string {
  const text = value.includes('\0') ? value.replaceAll('\0', '') : value;
  return text.replace(SPECIAL, '\\$&');
}
