/** The transaction of an amount that no limit and no stop can refuse. */

import { findCounters } from './counters.ts';
import { type CounterRef, decideSettle } from './decide.ts';
import { parseInstant } from './instant.ts';
import { type Loaded, type LoadedBalance, lockAccounts, type Member, type Session } from './load.ts';
import { loadMembers } from './members.ts';
import { shardOf } from './shard.ts';
import type { Program, Rounds, Statement } from './two-step.ts';
import type { CallFacts, Meters } from './types.ts';
import {
  type EndedWindow,
  insertThresholds,
  insertUsage,
  type ThresholdRow,
  updateBalances,
  updateWindows,
} from './write.ts';

const NOTHING_HELD = { isOpen: false, meters: [], remaining: [], settledCalls: [] };

export type RecordRequest = Member & {
  /** The id of the usage row. */
  id: string;
  accountId: string;
  /** May be negative. */
  meters: Meters;
  facts: CallFacts;
  /** The hold whose windows count it, instead of the current ones. */
  under: string | null;
};

const UNDER_SQL =
  'SELECT created_at FROM ledger_decisions WHERE shard = $1::smallint AND id = $2::uuid AND account_id = $3::uuid';

/**
 * Records an amount that was allocated without a hold, or is released (negative). An account without balances needs none:
 * a counter that opens later starts from the usage rows.
 */
export function* recordProgram(session: Session, record: RecordRequest): Program<void> {
  const { id, accountId, under, meters, facts } = record;
  const values = [String(shardOf(accountId)), under, accountId];
  const after = under === null ? [] : [{ name: 'ledger_under', text: UNDER_SQL, values }];
  const loaded: Loaded = yield* lockAccounts(session, [accountId], { after });
  // As a hold would: otherwise a window that opens later would not know of this row.
  yield* loadMembers(loaded, [record], true);
  const admittedAt = admissionOf(loaded);
  const moves = yield* moveUsed(loaded, { ...record, createdAt: admittedAt }, meters);
  const row = {
    accountId,
    holdId: id,
    callIndex: 0,
    member: record,
    late: false,
    overrun: false,
    facts,
    meters,
  };
  const rows = [{ ...row, admittedAt, occurredAt: loaded.now }];
  return { writes: [insertUsage(rows), ...moves], result: undefined };
}

/** Adds amounts to `used` of every window in which the hold counts. */
export function moveUsed(
  loaded: Loaded,
  hold: Member & { id: string; accountId: string; createdAt: number },
  meters: Meters,
): Rounds<Statement[]> {
  return moveAllUsed(loaded, [{ ...hold, meters }]);
}

/** Adds the amounts of each, in order, to `used` of every window in which it counts. */
export function* moveAllUsed(
  loaded: Loaded,
  holds: readonly (Member & { id: string; accountId: string; createdAt: number; meters: Meters })[],
): Rounds<Statement[]> {
  const counters = yield* findCounters(loaded, holds);
  const balances = new Set<CounterRef['balance']>();
  const thresholds: ThresholdRow[] = [];
  for (const { id, accountId, meters } of holds) {
    const refs = counters.get(id) ?? [];
    const { crossings } = decideSettle({ callIndex: 0, meters, close: false }, NOTHING_HELD, refs);
    for (const { balance } of refs) balances.add(balance);
    for (const crossing of crossings) thresholds.push({ ...crossing, accountId, holdId: id, at: loaded.now });
  }
  const isCurrent = (balance: object): balance is LoadedBalance => 'rowPointer' in balance;
  const current = [...balances].filter(isCurrent);
  const ended = [...balances].filter((balance) => !isCurrent(balance)) as EndedWindow[];
  const writes: Statement[] = [];
  if (current.length > 0) writes.push(updateBalances(current));
  if (ended.length > 0) writes.push(updateWindows(ended));
  if (thresholds.length > 0) writes.push(insertThresholds(thresholds));
  return writes;
}

/** The time that determines the windows: that of the hold, or now, but not before the windows that are open. */
function admissionOf({ after, accounts, now }: Loaded): number {
  const under = after[0]?.[0]?.[0];
  if (under !== undefined && under !== null) return parseInstant(under);
  let admittedAt = now;
  for (const { balance, members } of accounts.values())
    for (const { since } of [balance, ...members.values()]) admittedAt = Math.max(admittedAt, since);
  return admittedAt;
}
