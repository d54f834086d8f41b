/** A larger figure cannot be right, and its cost could not be recorded. Such a figure counts as not reported. */
const MAX_COUNT = 10_000_000_000;

/** A vendor's figure as a non-negative count; undefined if it is missing or implausible. */
export function readCount(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value > MAX_COUNT) return undefined;
  return Math.max(0, Math.ceil(value));
}

/** A total without parts that are counted separately; at least 0. */
export function remainder(total: number, ...parts: (number | undefined)[]): number {
  let rest = total;
  for (const part of parts) rest -= part ?? 0;
  return Math.max(0, rest);
}

/**
 * Two reports of one call, each figure the larger of both. Usage of a call only grows: a later figure that shrinks, or is
 * missing, is a fault of the vendor.
 */
export function largerUsage(earlier: unknown, later: unknown): unknown {
  if (typeof later === 'number' && typeof earlier === 'number') return Math.max(earlier, later);
  if (Array.isArray(later)) return Array.isArray(earlier) ? largerList(earlier, later) : later;
  if (!isRecord(later)) return later ?? earlier;
  if (!isRecord(earlier)) return later;
  const merged: Record<string, unknown> = { ...earlier };
  for (const [name, figure] of Object.entries(later)) merged[name] = largerUsage(earlier[name], figure);
  return merged;
}

/** Gemini lists its figures by modality. */
function largerList(earlier: readonly unknown[], later: readonly unknown[]): readonly unknown[] {
  const modalityOf = (entry: unknown) => (isRecord(entry) ? entry.modality : undefined);
  if (later.some((entry) => modalityOf(entry) === undefined)) return later;
  const known = new Map(earlier.map((entry) => [modalityOf(entry), entry]));
  for (const entry of later) {
    const modality = modalityOf(entry);
    known.set(modality, largerUsage(known.get(modality), entry));
  }
  return [...known.values()];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
