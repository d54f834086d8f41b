/** Reads the ledger's tables with the proof's own queries. */
import type { Pool } from 'pg';
import type { TokenCounts } from './witness.ts';

export type HoldRecord = {
  id: string;
  accountId: string;
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  state: 'open' | 'closed' | 'expired' | 'refused';
  /** Microseconds since the epoch: the database orders decisions more finely than a `Date` can. */
  createdUs: bigint;
  /** When it was closed or expired; null if it is open. */
  endedUs: bigint | null;
  asked: Map<string, bigint>;
  remaining: bigint[];
};

export type UsageRow = {
  holdId: string;
  callIndex: number;
  accountId: string;
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  /** Microseconds since the epoch. */
  admittedUs: bigint;
  occurredUs: bigint;
  step: string;
  provider: string;
  model: string;
  status: 'ok' | 'aborted' | 'error';
  usageSource: 'provider' | 'counted' | 'estimated' | 'bound';
  late: boolean;
  overrun: boolean;
  tokens: TokenCounts;
  costNanoUsd: bigint;
  latencyMs: number;
  amounts: Map<string, bigint>;
};

export type CounterRecord = {
  id: bigint;
  accountId: string;
  scope: 'account' | 'user' | 'key' | 'workspace';
  scopeId: string;
  meter: string;
  window: string;
  /** Milliseconds; infinite if the window has no start or end. */
  startMs: number;
  endMs: number;
  kind: 'n' | 'unlimited' | 'disabled' | 'unmetered';
  amount: bigint | null;
  thresholdBps: number[];
  onLimit: string;
  used: bigint;
  held: bigint;
};

export type ThresholdEvent = {
  counterId: bigint;
  thresholdBps: number;
  used: bigint;
  amount: bigint;
  holdId: string;
  /** Whether the transaction that wrote the hold's usage row also wrote this event. */
  withItsUsage: boolean;
};

/** Usage per account, UTC day, user, key, workspace, step, provider and model, as the ledger has added it up. */
export type DailySum = {
  accountId: string;
  day: string;
  userId: string | null;
  keyId: string | null;
  workspaceId: string | null;
  step: string;
  provider: string;
  model: string;
  calls: bigint;
  errors: bigint;
  /** Recordings are in no column of the sums. */
  tokens: { [K in Exclude<keyof TokenCounts, 'audio'>]: bigint };
  costNanoUsd: bigint;
  latencyMs: bigint;
};

export type LedgerState = {
  holds: HoldRecord[];
  rows: UsageRow[];
  counters: CounterRecord[];
  events: ThresholdEvent[];
  dailySums: DailySum[];
};

/** All ledger rows of these accounts, in one snapshot. */
export async function readLedgerState(pool: Pool, accountIds: readonly string[]): Promise<LedgerState> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const holds = await client.query(HOLDS_SQL, [accountIds]);
    const rows = await client.query(ROWS_SQL, [accountIds]);
    const counters = await client.query(COUNTERS_SQL, [accountIds]);
    const events = await client.query(EVENTS_SQL, [accountIds]);
    const dailySums = await client.query(DAILY_SUMS_SQL, [accountIds]);
    await client.query('COMMIT');
    return {
      holds: holds.rows.map(toHold),
      rows: rows.rows.map(toUsageRow),
      counters: counters.rows.map(toCounter),
      events: events.rows.map((row) => ({
        counterId: row.counter_id,
        thresholdBps: row.threshold_bps,
        used: row.used,
        amount: row.amount,
        holdId: row.hold_id,
        withItsUsage: row.with_its_usage,
      })),
      dailySums: dailySums.rows.map(toDailySum),
    };
  } finally {
    client.release();
  }
}

/** Open holds of these accounts. */
export const countOpenHolds = (pool: Pool, accountIds: readonly string[]) =>
  countRows(pool, `FROM ledger_holds WHERE account_id = ANY ($1) AND state = 'open'`, accountIds);

/** Jobs that may still settle a call: one whose process was killed can outlive its hold. */
export const countRunningJobs = (pool: Pool, accountIds: readonly string[]) =>
  countRows(pool, 'FROM generations WHERE account_id = ANY ($1) AND hold_id IS NOT NULL', accountIds);

async function countRows(pool: Pool, from: string, accountIds: readonly string[]): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>(`SELECT count(*) ${from}`, [accountIds]);
  return Number(rows[0]?.count ?? 0);
}

const MICROS = (column: string) => `(extract(epoch FROM ${column}) * 1000000)::bigint`;

const HOLDS_SQL = `
  SELECT id, account_id, user_id, key_id, workspace_id, state, ${MICROS('created_at')} AS created_us,
         ${MICROS('closed_at')} AS ended_us, meters, asked, remaining
    FROM ledger_holds WHERE account_id = ANY ($1)`;

const ROWS_SQL = `
  SELECT hold_id, call_index, account_id, user_id, key_id, workspace_id, ${MICROS('admitted_at')} AS admitted_us,
         ${MICROS('occurred_at')} AS occurred_us, step, provider, model, status, usage_source, late, overrun,
         input_tokens, other_amounts[array_position(other_classes, 'input_audio')] AS input_audio_tokens,
         cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms, meters, amounts
    FROM usage_events WHERE account_id = ANY ($1)`;

const COUNTERS_SQL = `
  SELECT id, account_id, scope, scope_id, meter, win, window_start, window_end, kind, amount, threshold_bps, on_limit,
         used, held
    FROM ledger_counters WHERE account_id = ANY ($1)`;

/** In the sums of calls without a user, key or workspace. */
const NO_ID = `'00000000-0000-0000-0000-000000000000'::uuid`;

const DAILY_SUMS_SQL = `
  SELECT account_id, day::text, nullif(user_id, ${NO_ID}) AS user_id, nullif(key_id, ${NO_ID}) AS key_id,
         nullif(workspace_id, ${NO_ID}) AS workspace_id, step, provider, model,
         sum(calls)::bigint AS calls, sum(errors)::bigint AS errors, sum(input_tokens)::bigint AS input_tokens,
         sum(cache_read_tokens)::bigint AS cache_read_tokens, sum(cache_write_tokens)::bigint AS cache_write_tokens,
         sum(output_tokens)::bigint AS output_tokens, sum(reasoning_tokens)::bigint AS reasoning_tokens,
         sum(cost_nano_usd)::bigint AS cost_nano_usd, sum(latency_ms)::bigint AS latency_ms
    FROM usage_daily WHERE account_id = ANY ($1) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8`;

const EVENTS_SQL = `
  SELECT e.counter_id, e.threshold_bps, e.used, e.amount, e.hold_id,
         EXISTS (SELECT FROM usage_events u
                  WHERE u.account_id = e.account_id AND u.hold_id = e.hold_id AND u.xmin = e.xmin) AS with_its_usage
    FROM threshold_events e WHERE e.account_id = ANY ($1) ORDER BY e.id`;

// biome-ignore lint/suspicious/noExplicitAny: a row of the driver
type Row = any;

function toHold(row: Row): HoldRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    userId: row.user_id,
    keyId: row.key_id,
    workspaceId: row.workspace_id,
    state: row.state,
    createdUs: row.created_us,
    endedUs: row.ended_us,
    asked: new Map(row.meters.map((meter: string, index: number) => [meter, row.asked[index]])),
    remaining: row.remaining,
  };
}

function toDailySum(row: Row): DailySum {
  return {
    accountId: row.account_id,
    day: row.day,
    userId: row.user_id,
    keyId: row.key_id,
    workspaceId: row.workspace_id,
    step: row.step,
    provider: row.provider,
    model: row.model,
    calls: row.calls,
    errors: row.errors,
    tokens: {
      input: row.input_tokens,
      cacheRead: row.cache_read_tokens,
      cacheWrite: row.cache_write_tokens,
      output: row.output_tokens,
      reasoning: row.reasoning_tokens,
    },
    costNanoUsd: row.cost_nano_usd,
    latencyMs: row.latency_ms,
  };
}

function toUsageRow(row: Row): UsageRow {
  return {
    holdId: row.hold_id,
    callIndex: row.call_index,
    accountId: row.account_id,
    userId: row.user_id,
    keyId: row.key_id,
    workspaceId: row.workspace_id,
    admittedUs: row.admitted_us,
    occurredUs: row.occurred_us,
    step: row.step,
    provider: row.provider,
    model: row.model,
    status: row.status,
    usageSource: row.usage_source,
    late: row.late,
    overrun: row.overrun,
    tokens: {
      input: Number(row.input_tokens ?? 0),
      audio: Number(row.input_audio_tokens ?? 0),
      cacheRead: Number(row.cache_read_tokens ?? 0),
      cacheWrite: Number(row.cache_write_tokens ?? 0),
      output: Number(row.output_tokens ?? 0),
      reasoning: Number(row.reasoning_tokens ?? 0),
    },
    costNanoUsd: row.cost_nano_usd,
    latencyMs: row.latency_ms,
    amounts: new Map(row.meters.map((meter: string, index: number) => [meter, row.amounts[index]])),
  };
}

/** The driver returns infinite timestamps as numbers. */
const instantMs = (value: Date | number) => (value instanceof Date ? value.getTime() : value);

function toCounter(row: Row): CounterRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    scope: row.scope,
    scopeId: row.scope_id,
    meter: row.meter,
    window: row.win,
    startMs: instantMs(row.window_start),
    endMs: instantMs(row.window_end),
    kind: row.kind,
    amount: row.amount,
    thresholdBps: row.threshold_bps,
    onLimit: row.on_limit,
    used: row.used,
    held: row.held,
  };
}
