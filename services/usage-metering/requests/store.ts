import { and, desc, eq, gte, inArray, lt, ne, type SQL, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Database, Queryable } from '#libs/db/database.ts';
import { ledgerHolds, usageEvents } from '#libs/db/schema/ledger.ts';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { SHARD_COUNT, shardOf } from '#libs/ledger/shard.ts';
import { idOfEndUser } from '../usage/store.ts';
import type { CallFilter, CallRecord } from './domain/call-record.ts';
import type { CallPosition } from './domain/cursor.ts';
import type { HoldRecord, LimitAtDecision, Verdict } from './domain/request-report.ts';

export const ALL_SHARDS = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);

export const corrections = alias(usageEvents, 'corrections');

/** Joins a call with the row that corrects it. */
export const correctsCall = and(
  eq(corrections.accountId, usageEvents.accountId),
  eq(corrections.admittedAt, usageEvents.admittedAt),
  eq(corrections.holdId, usageEvents.holdId),
  sql`${corrections.callIndex} = -1 - ${usageEvents.callIndex}`,
  eq(corrections.shard, usageEvents.shard),
);

/** Corrections have negative indexes. */
export const isCall = gte(usageEvents.callIndex, 0);

/** `Date` would lose the microseconds. */
export const admittedAtText = sql<string>`to_char(${usageEvents.admittedAt} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The arrays of figures contain nulls, which Drizzle cannot read as bigint. */
const HOLD_COLUMNS = {
  id: ledgerHolds.id,
  shard: ledgerHolds.shard,
  accountId: ledgerHolds.accountId,
  userId: ledgerHolds.userId,
  keyId: ledgerHolds.keyId,
  state: ledgerHolds.state,
  verdict: ledgerHolds.verdict,
  createdAt: ledgerHolds.createdAt,
  expiresAt: ledgerHolds.expiresAt,
  closedAt: ledgerHolds.closedAt,
  meters: ledgerHolds.meters,
  asked: ledgerHolds.asked,
  remaining: ledgerHolds.remaining,
  detail: ledgerHolds.detail,
};

type PositionedCall = CallRecord & { position: CallPosition };

/** Calls with their corrections. */
const selectCalls = (database: Database) =>
  database
    .select({ call: usageEvents, correction: corrections, admittedAt: admittedAtText })
    .from(usageEvents)
    .leftJoin(corrections, correctsCall);

function withPosition({
  call,
  correction,
  admittedAt,
}: Awaited<ReturnType<typeof selectCalls>>[number]): PositionedCall {
  return { ...call, correction, position: { admittedAt, requestId: call.holdId, callIndex: call.callIndex } };
}

/** Calls after a position, newest first. */
export async function listCalls(
  database: Database,
  filter: CallFilter,
  after: CallPosition | null,
  limit: number,
): Promise<PositionedCall[]> {
  const rows = await selectCalls(database)
    .where(
      and(
        isCall,
        eq(usageEvents.accountId, filter.accountId),
        filter.userId === null ? undefined : eq(usageEvents.userId, filter.userId),
        filter.endUser === null
          ? undefined
          : eq(usageEvents.userId, idOfEndUser(database, filter.accountId, filter.endUser)),
        filter.provider === null
          ? ne(usageEvents.provider, NO_PROVIDER)
          : eq(usageEvents.provider, filter.provider),
        filter.model === null ? undefined : eq(usageEvents.model, filter.model),
        filter.status === null ? undefined : eq(usageEvents.status, filter.status),
        filter.keyId === null ? undefined : eq(usageEvents.keyId, filter.keyId),
        filter.workspaceId === null ? undefined : eq(usageEvents.workspaceId, filter.workspaceId),
        filter.from === null ? undefined : gte(usageEvents.admittedAt, filter.from),
        filter.to === null ? undefined : lt(usageEvents.admittedAt, filter.to),
        after === null ? undefined : comesAfter(after),
      ),
    )
    .orderBy(desc(usageEvents.admittedAt), desc(usageEvents.holdId), desc(usageEvents.callIndex))
    .limit(limit);
  return rows.map(withPosition);
}

export type AllCallsFilter = { from: Date | null; to: Date | null; provider: string | null };

/** Calls of all accounts after a position, by account and then by time: in the order of the primary key. */
export async function listAllCalls(
  database: Database,
  { from, to, provider }: AllCallsFilter,
  after: (CallPosition & { accountId: string }) | null,
  limit: number,
): Promise<PositionedCall[]> {
  const rows = await selectCalls(database)
    .where(
      and(
        isCall,
        provider === null ? ne(usageEvents.provider, NO_PROVIDER) : eq(usageEvents.provider, provider),
        from === null ? undefined : gte(usageEvents.admittedAt, from),
        to === null ? undefined : lt(usageEvents.admittedAt, to),
        after === null ? undefined : followsInAccounts(after),
      ),
    )
    .orderBy(usageEvents.accountId, usageEvents.admittedAt, usageEvents.holdId, usageEvents.callIndex)
    .limit(limit);
  return rows.map(withPosition);
}

function followsInAccounts({
  accountId,
  admittedAt,
  requestId,
  callIndex,
}: CallPosition & { accountId: string }): SQL {
  return sql`(${usageEvents.accountId}, ${usageEvents.admittedAt}, ${usageEvents.holdId}, ${usageEvents.callIndex})
      > (${accountId}::uuid, ${admittedAt}::timestamptz, ${requestId}::uuid, ${callIndex}::smallint)`;
}

/** The second condition says the same and limits the partitions that are read. */
export function comesAfter({ admittedAt, requestId, callIndex }: CallPosition): SQL {
  return sql`(${usageEvents.admittedAt}, ${usageEvents.holdId}, ${usageEvents.callIndex})
      < (${admittedAt}::timestamptz, ${requestId}::uuid, ${callIndex}::smallint)
    AND ${usageEvents.admittedAt} <= ${admittedAt}::timestamptz`;
}

/** A decision and its calls. Without an account all accounts are searched, which only staff may do. */
export async function findRequest(
  database: Database,
  requestId: string,
  accountId: string | null,
): Promise<{ hold: HoldRecord; calls: CallRecord[] } | undefined> {
  const [found] = await database
    .select({ hold: HOLD_COLUMNS, createdAt: sql<string>`${ledgerHolds.createdAt}::text` })
    .from(ledgerHolds)
    .where(
      and(
        inArray(ledgerHolds.shard, accountId === null ? ALL_SHARDS : [shardOf(accountId)]),
        eq(ledgerHolds.id, requestId),
        accountId === null ? undefined : eq(ledgerHolds.accountId, accountId),
      ),
    );
  if (found === undefined) return undefined;
  const { hold, createdAt } = found;
  const [limits, calls] = await Promise.all([
    readLimitsAtDecision(database, hold),
    listCallsOfHold(database, hold, createdAt),
  ]);
  // The ledger stores the stop with the verdict: `stopped provider:openai`.
  const [verdict, stop] = hold.verdict.split(' ', 2);
  return { hold: { ...hold, verdict: verdict as Verdict, stop: stop ?? null, limits }, calls };
}

/** @param createdAt the hold's time with its microseconds, which `Date` would lose. */
export async function listCallsOfHold(
  db: Queryable,
  { id, shard, accountId }: Pick<HoldRecord, 'id' | 'accountId'> & { shard: number },
  createdAt: string,
): Promise<CallRecord[]> {
  const rows = await db
    .select({ call: usageEvents, correction: corrections })
    .from(usageEvents)
    .leftJoin(corrections, correctsCall)
    .where(
      and(
        isCall,
        eq(usageEvents.shard, shard),
        eq(usageEvents.holdId, id),
        eq(usageEvents.accountId, accountId),
        sql`${usageEvents.admittedAt} = ${createdAt}::timestamptz`,
      ),
    )
    .orderBy(usageEvents.callIndex);
  return rows.map(({ call, correction }) => ({ ...call, correction }));
}

type SeenRow = {
  meter: string;
  win: LimitAtDecision['window'];
  scope: LimitAtDecision['scope'];
  scope_id: string;
  kind: LimitAtDecision['kind'];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  state: LimitAtDecision['state'];
  window_start: Date | number;
  window_end: Date | number;
  source: string;
  binding: boolean;
};

/**
 * The limits as the hold saw them; the counters themselves have changed since. Drizzle has no lateral `unnest` of
 * parallel arrays.
 */
const SEEN_SQL = `
  SELECT c.meter, c.win, c.scope, c.scope_id, k.kind, s.amount, s.used, s.held,
         ledger_state(k.kind, s.used, s.amount, ARRAY(SELECT ledger_threshold(s.amount, b) FROM unnest(c.threshold_bps) b)) AS state,
         c.window_start, c.window_end, c.source, c.id IS NOT DISTINCT FROM h.binding_counter_id AS binding
    FROM ledger_holds h
   CROSS JOIN LATERAL unnest(h.counter_ids, h.seen_used, h.seen_held, h.seen_amount) s(id, used, held, amount)
    JOIN ledger_counters c ON c.shard = h.shard AND c.id = s.id
   CROSS JOIN LATERAL (
     SELECT CASE WHEN s.amount IS NOT NULL THEN 'n' WHEN c.kind = 'n' THEN 'unlimited' ELSE c.kind END AS kind) k
   WHERE h.shard = $1 AND h.id = $2 AND s.used IS NOT NULL AND c.meter = ANY (h.meters)
   ORDER BY binding DESC, c.meter, c.win, c.scope`;

async function readLimitsAtDecision(
  database: Database,
  { shard, id }: { shard: number; id: string },
): Promise<LimitAtDecision[]> {
  const { rows } = await database.$client.query<SeenRow>(SEEN_SQL, [shard, id]);
  return rows.map(
    ({ win, scope_id: scopeId, window_start: start, window_end: end, ...limit }): LimitAtDecision => ({
      ...limit,
      window: win,
      scopeId,
      // The driver reads infinity as a number.
      windowStart: start instanceof Date ? start : null,
      resetsAt: end instanceof Date ? end : null,
    }),
  );
}
