/** The range of the database column. No model comes near it. */
const MAX_COUNT = 2_147_483_647;

/** A vendor's figure as a non-negative count; undefined if it is missing. */
export function readCount(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  return Math.min(Math.max(0, Math.ceil(value)), MAX_COUNT);
}

/** A total without parts that are counted separately; at least 0. */
export function remainder(total: number, ...parts: (number | undefined)[]): number {
  let rest = total;
  for (const part of parts) rest -= part ?? 0;
  return Math.max(0, rest);
}
