import type { Units } from '#libs/pricing/units.ts';
import type { ReportedUsage } from './domain/stream-piece.ts';
import { isObject } from './json.ts';
import { largerUsage } from './token-count.ts';

/** The usage that one stream reports, perhaps several times. */
export type UsageReport = {
  /** Output was written, which an earlier report cannot include. */
  readonly wrote: () => void;
  /** @returns what is known now; undefined if the vendor reported nothing readable. */
  readonly report: (usage: unknown) => ReportedUsage | undefined;
  /** What is known when the stream has ended. */
  readonly atEnd: () => ReportedUsage | undefined;
};

/**
 * Figures only grow: one that shrinks, or is missing later, is a fault of the vendor. The figures are final if the last
 * report came after all output and did not shrink.
 *
 * @param toUnits the vendor's accounting.
 * @param outputIn the output that one report mentions; undefined if it mentions none.
 */
export function createUsageReport(
  toUnits: (usage: unknown) => Units | undefined,
  outputIn: (usage: object) => number | undefined,
): UsageReport {
  let known: unknown;
  let largestOutput = 0;
  let isCurrent = false;
  return {
    wrote: () => {
      isCurrent = false;
    },
    report(usage) {
      if (!isObject(usage)) return undefined;
      known = largerUsage(known, usage);
      const output = outputIn(usage);
      if (output !== undefined) {
        isCurrent = output >= largestOutput;
        largestOutput = Math.max(largestOutput, output);
      }
      const units = toUnits(known);
      return units && { units, final: false };
    },
    atEnd() {
      const units = toUnits(known);
      return units && { units, final: isCurrent };
    },
  };
}
