/** Corrections of calls that were recorded at their bound: rows with the differences to the true figures. */
import type { UsageRow } from './ledger-state.ts';

export const isCorrection = ({ callIndex }: Pick<UsageRow, 'callIndex'>): boolean => callIndex < 0;

/** The index of the call that a correction corrects. */
const correctedIndex = (callIndex: number) => -1 - callIndex;

/** Every call with its final figures: corrections are added to the rows that they correct. */
export function correctedRows(rows: readonly UsageRow[], differences: string[]): UsageRow[] {
  const name = (holdId: string, callIndex: number) => `${holdId}/${callIndex}`;
  const calls = new Map(
    rows.filter((row) => !isCorrection(row)).map((row) => [name(row.holdId, row.callIndex), row]),
  );
  for (const correction of rows.filter(isCorrection)) {
    const key = name(correction.holdId, correctedIndex(correction.callIndex));
    const call = calls.get(key);
    if (call === undefined) differences.push(`${key} has a correction, but is not in the ledger`);
    else if (call.usageSource !== 'bound') differences.push(`${key} was corrected, but not at its bound`);
    else calls.set(key, add(call, correction));
  }
  return [...calls.values()];
}

function add(
  call: UsageRow,
  { status, usageSource, tokens, costNanoUsd, latencyMs, amounts }: UsageRow,
): UsageRow {
  const meters = new Set([...call.amounts.keys(), ...amounts.keys()]);
  return {
    ...call,
    status,
    usageSource,
    tokens: {
      input: call.tokens.input + tokens.input,
      audio: call.tokens.audio + tokens.audio,
      cacheRead: call.tokens.cacheRead + tokens.cacheRead,
      cacheWrite: call.tokens.cacheWrite + tokens.cacheWrite,
      output: call.tokens.output + tokens.output,
      reasoning: call.tokens.reasoning + tokens.reasoning,
    },
    costNanoUsd: call.costNanoUsd + costNanoUsd,
    latencyMs: call.latencyMs + latencyMs,
    amounts: new Map(
      [...meters].map((meter) => [meter, (call.amounts.get(meter) ?? 0n) + (amounts.get(meter) ?? 0n)]),
    ),
  };
}
