/** The column that keeps a count is a 32-bit integer; no call of any model comes near it. */
const MAX_COUNT = 2_147_483_647;

/** A vendor's figure as a count; undefined where it gave none, and never negative, whatever it wrote. */
export function readCount(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return Math.min(Math.max(0, Math.ceil(value)), MAX_COUNT);
}

/** What is left of a total once its parts are counted on their own. */
export function remainder(total: number, ...parts: (number | undefined)[]): number {
  let rest = total;
  for (const part of parts) rest -= part ?? 0;
  return Math.max(0, rest);
}
