/** The transaction of a batch of settlements: lock and read the balances and holds, decide one by one, write. */
import { plainArray, textArray } from './array-literal.ts';
import { findCounters } from './counters.ts';
import { type CounterRef, decideSettle, type HoldState, type SettleDecision } from './decide.ts';
import { insertInto, plain, text } from './insert.ts';
import { formatInstant, parseInstant } from './instant.ts';
import {
  type Loaded,
  type LoadedBalance,
  lockAccounts,
  type Member,
  parseAmounts,
  parseNames,
  type Session,
} from './load.ts';
import { selectMembersOfHolds } from './members.ts';
import { shardOf } from './shard.ts';
import type { Program, Rounds, Row, Statement } from './two-step.ts';
import type { CallFacts, Meters, SettleAnswer } from './types.ts';
import {
  amounts,
  type EndedWindow,
  insertThresholds,
  insertUsage,
  type ThresholdRow,
  type UsageRow,
  updateBalances,
  updateWindows,
} from './write.ts';

/** One call to record, or a hold to close (without a call index and facts). */
export type Settlement = {
  holdId: string;
  accountId: string;
  callIndex: number | null;
  meters: Meters;
  facts: CallFacts | null;
  close: boolean;
};

/** A hold as it was found. */
export type FoundHold = HoldState &
  Member & {
    id: string;
    accountId: string;
    createdAt: number;
    expiresAt: number;
    /** Points to its row among the open holds; null when it is not open. */
    rowPointer: string | null;
  };

/** The state that a hold gets when it ends. */
export type EndState = 'closed' | 'expired';

export const OPEN_HOLDS_SQL = `
  SELECT o.id, o.account_id, o.user_id, o.key_id, o.workspace_id, o.created_at, o.expires_at, o.meters, o.settled_calls,
         o.remaining, o.row_pointer
    FROM unnest($1::smallint[], $2::uuid[]) q(shard, id)
   CROSS JOIN LATERAL (
     SELECT *, ctid AS row_pointer FROM ledger_open_holds WHERE shard = q.shard AND id = q.id OFFSET 0) o`;

/** Holds that have ended. Refused requests were never held. */
const ENDED_SQL = `
  SELECT h.id, h.account_id, h.user_id, h.key_id, h.workspace_id, h.created_at, h.expires_at, h.meters, h.settled_calls
    FROM unnest($1::smallint[], $2::uuid[]) q(shard, id)
   CROSS JOIN LATERAL (SELECT * FROM ledger_holds WHERE shard = q.shard AND id = q.id OFFSET 0) h
   WHERE h.state <> 'refused'`;

const CLOSE_SQL = `DELETE FROM ledger_open_holds o USING unnest($1::tid[]) q(row_pointer) WHERE o.ctid = q.row_pointer`;

const REDUCE_SQL = `
  UPDATE ledger_open_holds o SET remaining = q.remaining::bigint[], settled_calls = q.settled_calls::integer[]
    FROM unnest($1::tid[], $2::text[], $3::text[]) q(row_pointer, remaining, settled_calls)
   WHERE o.ctid = q.row_pointer`;

const insertEnded = insertInto<{ hold: FoundHold; state: EndState; at: number }>('ledger_ended_holds', {
  shard: plain('smallint', ({ hold }) => shardOf(hold.accountId)),
  id: plain('uuid', ({ hold }) => hold.id),
  state: text(({ state }) => state),
  ended_at: plain('timestamptz', ({ at }) => formatInstant(at)),
});

const UNKNOWN_HOLD: SettleAnswer = {
  outcome: 'unknown_hold',
  late: false,
  overrun: false,
  state: 'ok',
  limit: null,
};

/** Records the calls of a batch in the given order. */
export function* settleProgram(
  session: Session,
  settlements: readonly Settlement[],
): Program<SettleAnswer[]> {
  const called = settlements.map(({ accountId, holdId: id }) => ({ accountId, id }));
  const loaded = yield* lockAccounts(
    session,
    settlements.map(({ accountId }) => accountId),
    {
      after: [selectHolds('ledger_open', OPEN_HOLDS_SQL, called)],
      members: selectMembersOfHolds(called),
    },
  );
  const holds = yield* findHolds(loaded, settlements);
  const decided = yield* bookAll(loaded, settlements, holds);
  const answers = new Map(decided.booked.map(({ settlement, decision }) => [settlement, decision]));
  return {
    writes: writesOf(loaded, decided, 'closed'),
    result: settlements.map((settlement): SettleAnswer => {
      const decision = answers.get(settlement);
      if (decision === undefined) return UNKNOWN_HOLD;
      const { outcome, late, overrun, state, limit } = decision;
      return { outcome, late, overrun, state, limit };
    }),
  };
}

export function selectHolds(
  name: string,
  sql: string,
  holds: readonly { id: string; accountId: string }[],
): Statement {
  const shards = plainArray(holds.map(({ accountId }) => shardOf(accountId)));
  return { name, text: sql, values: [shards, plainArray(holds.map(({ id }) => id))] };
}

/** The holds of the settlements by id: the open ones, which have been read with the locks, and those that have ended. */
function* findHolds(loaded: Loaded, settlements: readonly Settlement[]): Rounds<Map<string, FoundHold>> {
  const holds = new Map((loaded.after[0] as Row[]).map((row) => [row[0] as string, toHold(row)]));
  const missing = settlements.flatMap(({ holdId: id, accountId }) =>
    holds.has(id) ? [] : [{ id, accountId }],
  );
  if (missing.length > 0) {
    const [rows = []] = yield [selectHolds('ledger_ended', ENDED_SQL, missing)];
    for (const row of rows) holds.set(row[0] as string, toHold(row));
  }
  for (const { holdId, accountId } of settlements)
    if (holds.get(holdId)?.accountId !== accountId) holds.delete(holdId);
  return holds;
}

export function toHold(row: Row): FoundHold {
  const [
    id,
    accountId,
    userId,
    keyId,
    workspaceId,
    createdAt,
    expiresAt,
    meters,
    calls,
    remaining,
    rowPointer,
  ] = row as [string, string, ...string[]];
  return {
    id,
    accountId,
    userId: userId ?? null,
    keyId: keyId ?? null,
    workspaceId: workspaceId ?? null,
    createdAt: parseInstant(createdAt as string),
    expiresAt: parseInstant(expiresAt as string),
    meters: parseNames(meters as string),
    settledCalls: parseAmounts(calls as string).map(Number),
    isOpen: rowPointer !== undefined,
    remaining: remaining === undefined ? [] : parseAmounts(remaining),
    rowPointer: rowPointer ?? null,
  };
}

/** A settlement with what was decided. */
type Booked = { settlement: Settlement; hold: FoundHold; decision: SettleDecision };

export type Bookings = {
  booked: Booked[];
  balances: Set<LoadedBalance>;
  windows: Set<EndedWindow>;
};

/** Decides the settlements of known holds one after another, and keeps the state of the holds. */
export function* bookAll(
  loaded: Loaded,
  settlements: readonly Settlement[],
  holds: ReadonlyMap<string, FoundHold>,
): Rounds<Bookings> {
  const counters = yield* findCounters(loaded, [...holds.values()]);
  const bookings: Bookings = { booked: [], balances: new Set(), windows: new Set() };
  for (const settlement of settlements) {
    const hold = holds.get(settlement.holdId);
    if (hold === undefined) continue;
    const refs = counters.get(hold.id) as CounterRef[];
    const decision = decideSettle(settlement, hold, refs);
    bookings.booked.push({ settlement, hold, decision });
    if (decision.outcome === 'repeated') continue;
    hold.isOpen = decision.isOpen;
    hold.remaining = decision.isOpen ? decision.left : [];
    if (settlement.callIndex !== null) hold.settledCalls = [...hold.settledCalls, settlement.callIndex];
    for (const { balance } of refs) {
      if ('rowPointer' in balance) bookings.balances.add(balance as LoadedBalance);
      else bookings.windows.add(balance as EndedWindow);
    }
  }
  return bookings;
}

/** @param state of the holds that end. */
export function writesOf(
  { now }: Loaded,
  { booked, balances, windows }: Bookings,
  state: EndState,
): Statement[] {
  const usage: UsageRow[] = [];
  const thresholds: ThresholdRow[] = [];
  const reduced = new Set<FoundHold>();
  const closed = new Set<FoundHold>();
  const ended: { hold: FoundHold; state: EndState; at: number }[] = [];
  for (const { settlement, hold, decision } of booked) {
    if (decision.outcome === 'repeated') continue;
    const { callIndex, facts, accountId, holdId, meters } = settlement;
    for (const crossing of decision.crossings) thresholds.push({ ...crossing, accountId, holdId, at: now });
    if (callIndex !== null && facts !== null) {
      const { late, overrun } = decision;
      usage.push({
        ...{ accountId, holdId, callIndex, member: hold, late, overrun, facts, meters },
        admittedAt: hold.createdAt,
        occurredAt: now,
      });
    }
    if (hold.rowPointer !== null) (hold.isOpen ? reduced : closed).add(hold);
    if (callIndex === null) ended.push({ hold, state, at: now });
  }
  const writes: Statement[] = [];
  if (balances.size > 0) writes.push(updateBalances(balances));
  if (windows.size > 0) writes.push(updateWindows([...windows]));
  if (closed.size > 0) writes.push(closeHolds([...closed]));
  if (reduced.size > 0) writes.push(reduceHolds([...reduced]));
  if (ended.length > 0) writes.push(insertEnded(ended));
  if (usage.length > 0) writes.push(insertUsage(usage));
  if (thresholds.length > 0) writes.push(insertThresholds(thresholds));
  return writes;
}

function closeHolds(holds: readonly FoundHold[]): Statement {
  const values = [textArray(holds.map(({ rowPointer }) => rowPointer))];
  return { name: 'ledger_close', text: CLOSE_SQL, values };
}

function reduceHolds(holds: readonly FoundHold[]): Statement {
  const values = [
    textArray(holds.map(({ rowPointer }) => rowPointer)),
    textArray(holds.map(({ remaining }) => amounts(remaining))),
    textArray(holds.map(({ settledCalls }) => plainArray(settledCalls))),
  ];
  return { name: 'ledger_reduce', text: REDUCE_SQL, values };
}
