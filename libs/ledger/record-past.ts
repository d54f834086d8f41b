/** Usage that is recorded after it happened, in the windows of its own time. */
import { lockAccounts, type Member, type Session } from './load.ts';
import { loadMembers } from './members.ts';
import { moveAllUsed } from './record.ts';
import type { Program } from './two-step.ts';
import type { CallFacts, Meters } from './types.ts';
import { insertUsage, type UsageRow } from './write.ts';

export type PastRecord = Member & {
  /** The id of the usage row. */
  id: string;
  /** May be negative. */
  meters: Meters;
  facts: CallFacts;
  /** When it happened; in the future it counts as now. */
  at: Date;
  /** Its figures are a difference: it is no call of its own. */
  isCorrection: boolean;
};

const MICROS = 1_000;

/** Records usage of one account without checking limits and stops. */
export function* recordPastProgram(
  session: Session,
  accountId: string,
  records: readonly PastRecord[],
): Program<void> {
  const loaded = yield* lockAccounts(session, [accountId], {});
  const holds = records.map((record) => ({
    ...record,
    accountId,
    createdAt: Math.min(record.at.getTime() * MICROS, loaded.now),
  }));
  // As a hold would: otherwise a window that opens later would not know of these rows.
  yield* loadMembers(loaded, holds, true);
  const moves = yield* moveAllUsed(loaded, holds);
  const rows = holds.map(
    ({ id, createdAt, meters, facts, isCorrection, userId, keyId, workspaceId }): UsageRow => ({
      ...{ accountId, holdId: id, callIndex: isCorrection ? -1 : 0, member: { userId, keyId, workspaceId } },
      ...{ admittedAt: createdAt, occurredAt: loaded.now, late: false, overrun: false, facts, meters },
      ...(isCorrection && { corrects: facts.status }),
    }),
  );
  return { writes: [insertUsage(rows), ...moves], result: undefined };
}
