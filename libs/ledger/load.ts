/** Locks the accounts of a batch, brings their balances up to date and reads them. The first rounds of every program. */
import { LRUCache } from 'lru-cache';
import { type Pool, types } from 'pg';
import { only } from '#libs/db/database.ts';
import { plainArray, textArray } from './array-literal.ts';
import type { Balance } from './decide.ts';
import { formatInstant, parseInstant } from './instant.ts';
import { shardOf } from './shard.ts';
import { type Program, type Rounds, type Row, runProgramWithin, type Statement } from './two-step.ts';
import type { Scope } from './types.ts';

export type MemberScope = Exclude<Scope, 'account'>;
/** Whose call it is. */
export type Member = Readonly<{ userId: string | null; keyId: string | null; workspaceId: string | null }>;

/** A balance as it was read. */
export type LoadedBalance = Balance & {
  accountId: string;
  scope: Scope;
  scopeId: string;
  /** Points to the row (`ctid`). The row cannot move while its account is locked. */
  rowPointer: string;
  version: string;
};

export type LoadedAccount = {
  balance: LoadedBalance;
  /** Scopes other than the account's that have limits. */
  memberScopes: readonly MemberScope[];
  /** Balances of users, keys and workspaces, by scope and id. */
  members: Map<string, LoadedBalance>;
};

export type Loaded = {
  /** The time of the decisions, read after the locks: for one account it never runs backwards. */
  now: number;
  /** Accounts that have balances, by id. */
  accounts: Map<string, LoadedAccount>;
  /** Balances of members that were read with the accounts, until `loadMembers` takes them. */
  members: Row[];
  /** The rows of the statements before and after the lock. */
  before: Row[][];
  after: Row[][];
};

/** How a program waits and plans. */
export type Session = {
  /** The time of the decisions instead of the database's clock, for tests. */
  now: Date | null;
  /** How long a lock may take; null in the caller's transaction, whose own settings stay. */
  maxWaitMs: number | null;
};

/** If this process stalls between two rounds, the database ends the transaction and frees its accounts. */
const TRANSACTION_TIMEOUT_MS = 10_000;

/** Rows are reached by key, independent of the planner's estimate of a table's size, which may be hours old. */
const PLANS = `set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
  set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)`;

const SETTINGS_SQL = `SELECT coalesce($1::timestamptz, clock_timestamp()), ${PLANS}, set_config('lock_timeout', $2, true),
  set_config('transaction_timeout', '${TRANSACTION_TIMEOUT_MS}', true)`;
const SETTINGS_WITHIN_SQL = `SELECT coalesce($1::timestamptz, clock_timestamp()), ${PLANS}`;

const RESET_SQL = `SELECT set_config(name, reset_val, true) FROM pg_settings
  WHERE name IN ('plan_cache_mode', 'enable_seqscan', 'enable_hashjoin', 'enable_mergejoin')`;

/** Runs a program in the open transaction of a client, which then plans as before; with a pool, in one of its own. */
export async function runWithin<Result>(
  client: Pick<Pool, 'query'>,
  program: Program<Result>,
): Promise<Result> {
  const result = await runProgramWithin(client, program);
  await client.query(RESET_SQL);
  return result;
}

/** One lookup by key per account in the order of the parameters: a LATERAL subquery that locks is not reordered. */
const LOCK_SQL = `
  SELECT q.account_id, b.row_pointer, b.version, b.member_scopes, b.refresh_at, b.since, b.used, b.held,
         coalesce($3::timestamptz, clock_timestamp())
    FROM unnest($1::smallint[], $2::uuid[]) q(shard, account_id)
   CROSS JOIN LATERAL (
     SELECT ctid AS row_pointer, version, member_scopes, refresh_at, since, used, held FROM ledger_balances
      WHERE shard = q.shard AND account_id = q.account_id AND scope = 'account' AND scope_id = '' FOR NO KEY UPDATE) b`;

const REFRESH_SQL = `SELECT ledger_refresh($1::timestamptz, q.shard, q.account_id)
    FROM unnest($2::smallint[], $3::uuid[]) q(shard, account_id)`;

const NONE: readonly never[] = [];

/** Scopes with limits of accounts that have some: a hint which balances to read together with the account's. */
export const knownScopes = new LRUCache<string, readonly MemberScope[]>({ max: 50_000 });
const TEXT_ARRAY = 1009;
const parseTexts = types.getTypeParser(TEXT_ARRAY as never, 'text') as (text: string) => string[];

export function parseAmounts(literal: string): bigint[] {
  return literal === '{}' ? [] : literal.slice(1, -1).split(',').map(BigInt);
}

/** The same few lists of names repeat from row to row. */
const knownNames = new LRUCache<string, readonly string[]>({ max: 1_000 });

export function parseNames(literal: string): readonly string[] {
  const known = knownNames.get(literal);
  if (known !== undefined) return known;
  const names = parseTexts(literal);
  knownNames.set(literal, names);
  return names;
}

/**
 * Locks the accounts in one fixed order, refreshes those whose balances are out of date, and reads their own balances.
 *
 * @param before statements of the same round before the lock. @param after statements that need the lock.
 * @param members reads balances of members that will probably be needed, in the same round.
 * @throws DatabaseError `lock_not_available` when a lock takes too long.
 */
export function* lockAccounts(
  session: Session,
  accountIds: Iterable<string>,
  {
    before = NONE,
    after = NONE,
    members = null,
  }: { before?: readonly Statement[]; after?: readonly Statement[]; members?: Statement | null },
): Rounds<Loaded> {
  const given = session.now?.toISOString() ?? null;
  const ids = inLockOrder(accountIds);
  const lock: Statement = {
    name: 'ledger_lock',
    text: LOCK_SQL,
    values: [plainArray(ids.map(shardOf)), plainArray(ids), given],
  };
  const rows = yield [settings(session, given), ...before, lock, ...after, ...(members ? [members] : [])];
  let expected = members ? (rows.at(-1) as Row[]) : [];
  let locked = rows[before.length + 1] as Row[];
  let now = timeOf(locked) ?? parseInstant(only(rows[0] as Row[])[0] as string);
  for (let stale = staleOf(locked, now); stale.length > 0; stale = staleOf(locked, now)) {
    const values = [formatInstant(now), plainArray(stale.map(shardOf)), plainArray(stale)];
    const again: Row[][] = yield [{ name: 'ledger_refresh', text: REFRESH_SQL, values }, lock];
    locked = again[1] as Row[];
    now = timeOf(locked) as number;
    // balances of members have been refreshed too
    expected = [];
  }
  return {
    now,
    accounts: new Map(locked.map((row) => [row[0] as string, toAccount(row)])),
    members: expected,
    before: rows.slice(1, before.length + 1),
    after: rows.slice(before.length + 2, before.length + 2 + after.length),
  };
}

function settings({ maxWaitMs }: Session, given: string | null): Statement {
  return maxWaitMs === null
    ? { name: 'ledger_settings', text: SETTINGS_WITHIN_SQL, values: [given] }
    : { name: 'ledger_settings', text: SETTINGS_SQL, values: [given, String(maxWaitMs)] };
}

/** All batches lock by shard and id, so that they cannot wait for each other in a circle. */
function inLockOrder(accountIds: Iterable<string>): string[] {
  return [...new Set(accountIds)].sort(
    (one, other) => shardOf(one) - shardOf(other) || (one < other ? -1 : 1),
  );
}

/** The rows are locked one after another: the last one has the time after all locks. */
function timeOf(locked: readonly Row[]): number | undefined {
  const last = locked.at(-1);
  return last && parseInstant(last[8] as string);
}

function staleOf(locked: readonly Row[], now: number): string[] {
  return locked.filter((row) => parseInstant(row[4] as string) <= now).map((row) => row[0] as string);
}

function toAccount(row: Row): LoadedAccount {
  const [accountId, rowPointer, version, scopes, , since, used, held] = row as [string, ...string[]];
  const memberScopes = parseNames(scopes as string) as readonly MemberScope[];
  if (memberScopes.length > 0) knownScopes.set(accountId, memberScopes);
  else knownScopes.delete(accountId);
  return {
    balance: toBalance(accountId, 'account', '', [rowPointer, version, since, used, held] as Row),
    memberScopes,
    members: new Map(),
  };
}

/** The counters are still to be filled in, by `loadDefinitions`. */
export function toBalance(accountId: string, scope: Scope, scopeId: string, row: Row): LoadedBalance {
  const [rowPointer, version, since, used, held] = row as [string, string, string, string, string];
  return {
    accountId,
    scope,
    scopeId,
    rowPointer,
    version,
    since: parseInstant(since),
    counters: NONE,
    used: parseAmounts(used),
    held: parseAmounts(held),
  };
}

/** Names a balance. */
export type Key = { accountId: string; scope: Scope; scopeId: string };

export function keyArrays(keys: readonly Key[]): string[] {
  return [
    plainArray(keys.map(({ accountId }) => shardOf(accountId))),
    plainArray(keys.map(({ accountId }) => accountId)),
    textArray(keys.map(({ scope }) => scope)),
    textArray(keys.map(({ scopeId }) => scopeId)),
  ];
}
