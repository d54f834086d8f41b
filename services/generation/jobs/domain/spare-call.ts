import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { hasEnded, type StepRow } from './job.ts';

/** A planned call that its own step did not need. */
export type SpareCall = { readonly lender: StepRow; readonly call: PlannedCall };

/**
 * The call that repeats one which was cut, paid from what is held for another step: that step has ended without a call
 * that has at least the same bounds. Undefined if there is none.
 */
export function findSpareCall(rows: readonly StepRow[], cut: PlannedCall): SpareCall | undefined {
  for (const lender of rows) {
    const spare = lender.calls.at(-1) as PlannedCall | undefined;
    const isUnused = hasEnded(lender.status) && lender.calls.length > lender.callsSettled;
    if (spare === undefined || !isUnused || !covers(spare, cut)) continue;
    // What is held for the spare call covers one model only.
    return { lender, call: { ...cut, index: spare.index, fallbacks: [], isSpare: true } };
  }
  return undefined;
}

function covers(spare: PlannedCall, cut: PlannedCall): boolean {
  return (
    spare.provider === cut.provider &&
    spare.model === cut.model &&
    Object.keys(cut.otherUnits).length === 0 &&
    spare.inputTokens >= cut.inputTokens &&
    spare.outputTokens >= cut.outputTokens
  );
}
