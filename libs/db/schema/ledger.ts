/**
 * Tables of the ledger. Only `libs/ledger` and the SQL functions it calls write them.
 *
 * Every table carries `shard`, a fixed hash of the account (0 to 63), in its keys, and those written most lead with it:
 * batches stay within few index pages, and the same column is the distribution column when the ledger is spread over
 * several machines. Rows are reached either by primary key (shard and id) or by account (an index that leads with it, and
 * no condition on the shard), so that there is one index for each, independent of the planner's estimate of the table's
 * size.
 * Amounts are integers in the meter's own unit (nano-USD for `cost`, tokens, calls, pieces).
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  date,
  index,
  integer,
  pgTable,
  pgView,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { AMOUNT_KINDS, COUNTER_AMOUNT_KINDS, COUNTER_SCOPES, WINDOWS } from '#libs/catalogue/limit.ts';
import { amount, instant } from './columns.ts';

const zero = sql`0`;

/** What rarely changes of an account. Its lock is its own row in {@link ledgerBalances}. */
export const ledgerAccounts = pgTable(
  'ledger_accounts',
  {
    shard: smallint('shard').notNull(),
    accountId: uuid('account_id').notNull(),
    anchor: instant('anchor').notNull(),
    periodMonths: smallint('period_months').notNull(),
  },
  (table) => [primaryKey({ columns: [table.shard, table.accountId] })],
);

/** What an account may use: segments in time that never overlap for one (scope, meter, window). */
export const ledgerLimits = pgTable(
  'ledger_limits',
  {
    shard: smallint('shard').notNull(),
    accountId: uuid('account_id').notNull(),
    scope: text('scope', { enum: COUNTER_SCOPES }).notNull(),
    /** Empty for the account; an id; or `*` for every user, key or workspace without a limit of its own. */
    scopeId: text('scope_id').notNull(),
    meter: text('meter').notNull(),
    window: text('win', { enum: WINDOWS }).notNull(),
    validFrom: instant('valid_from').notNull(),
    validUntil: instant('valid_until').notNull(),
    kind: text('kind', { enum: AMOUNT_KINDS }).notNull(),
    amount: amount('amount'),
    /** Rising thresholds in basis points of the amount; the last is the hard limit. */
    thresholdBps: integer('threshold_bps').array().notNull(),
    /** From this share of the amount on, no new work is admitted; null for a quota resource, usable to the last unit. */
    blockBps: integer('block_bps'),
    onLimit: text('on_limit', { enum: ['deny', 'overage'] }).notNull(),
    source: text('source').notNull(),
    /** Since when the limit has been counted without a gap: a window that began later needs no looking back. */
    countedSince: instant('counted_since').notNull(),
  },
  (table) => [
    primaryKey({
      columns: [
        table.shard,
        table.accountId,
        table.scope,
        table.scopeId,
        table.meter,
        table.window,
        table.validFrom,
      ],
    }),
  ],
);

/**
 * The used and held amounts of one scope of an account (the account itself, a user, a key, a workspace) side by side in
 * one row, so that a call changes one row however many limits it meets. The account's own balance is also its lock. The
 * definitions of the limits are in {@link ledgerWindows}, at the position `balance_index`.
 */
export const ledgerBalances = pgTable(
  'ledger_balances',
  {
    shard: smallint('shard').notNull(),
    accountId: uuid('account_id').notNull(),
    scope: text('scope').notNull(),
    scopeId: text('scope_id').notNull(),
    /** First instant at which a window ends or a limit changes; the counters are current before it. */
    refreshAt: instant('refresh_at').notNull(),
    /** Calls admitted from here on count in these counters and in no earlier ones. */
    since: instant('since').notNull(),
    /** Scopes other than the account's that have limits (in the account's own balance). */
    memberScopes: text('member_scopes').array().notNull(),
    /** A new one whenever a definition changes: processes keep the definitions of a version in memory. */
    version: uuid('version').notNull().defaultRandom(),
    used: bigint('used', { mode: 'bigint' }).array().notNull(),
    held: bigint('held', { mode: 'bigint' }).array().notNull(),
  },
  (table) => [primaryKey({ columns: [table.shard, table.accountId, table.scope, table.scopeId] })],
);

/** One limit in one of its windows. While the window is current, its `used` and `held` are in its balance. */
export const ledgerWindows = pgTable(
  'ledger_windows',
  {
    shard: smallint('shard').notNull(),
    id: bigserial('id', { mode: 'bigint' }).notNull(),
    accountId: uuid('account_id').notNull(),
    scope: text('scope').notNull(),
    scopeId: text('scope_id').notNull(),
    meter: text('meter').notNull(),
    window: text('win').notNull(),
    windowStart: instant('window_start').notNull(),
    windowEnd: instant('window_end').notNull(),
    /** `unmetered`: the limit was lifted inside this window; the count goes on. */
    kind: text('kind', { enum: COUNTER_AMOUNT_KINDS }).notNull(),
    amount: amount('amount'),
    blockAt: amount('block_at'),
    thresholds: bigint('thresholds', { mode: 'bigint' }).array().notNull(),
    thresholdBps: integer('threshold_bps').array().notNull(),
    onLimit: text('on_limit').notNull(),
    source: text('source').notNull(),
    /** Position in the balance, from 1; null once the window has ended. */
    balanceIndex: smallint('balance_index'),
    used: amount('used').notNull().default(zero),
    held: amount('held').notNull().default(zero),
  },
  (table) => [
    primaryKey({ columns: [table.shard, table.id] }),
    uniqueIndex('ledger_windows_key').on(
      table.accountId,
      table.windowEnd,
      table.shard,
      table.scope,
      table.scopeId,
      table.meter,
      table.window,
      table.windowStart,
    ),
  ],
);

/** Every limit in every window with what is used and held of it, wherever that is kept. A view, to read from. */
export const ledgerCounters = pgView('ledger_counters', {
  shard: smallint('shard').notNull(),
  id: amount('id').notNull(),
  accountId: uuid('account_id').notNull(),
  scope: text('scope').notNull(),
  scopeId: text('scope_id').notNull(),
  meter: text('meter').notNull(),
  window: text('win').notNull(),
  windowStart: instant('window_start').notNull(),
  windowEnd: instant('window_end').notNull(),
  kind: text('kind', { enum: COUNTER_AMOUNT_KINDS }).notNull(),
  amount: amount('amount'),
  blockAt: amount('block_at'),
  thresholds: bigint('thresholds', { mode: 'bigint' }).array().notNull(),
  thresholdBps: integer('threshold_bps').array().notNull(),
  onLimit: text('on_limit').notNull(),
  source: text('source').notNull(),
  used: amount('used').notNull(),
  held: amount('held').notNull(),
}).existing();

/** One decision, never changed: what a request asked for, what the limits stood at, and the verdict. */
export const ledgerDecisions = pgTable(
  'ledger_decisions',
  {
    shard: smallint('shard').notNull(),
    id: uuid('id').notNull(),
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id'),
    keyId: uuid('key_id'),
    workspaceId: uuid('workspace_id'),
    verdict: text('verdict').notNull(),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    meters: text('meters').array().notNull(),
    asked: bigint('asked', { mode: 'bigint' }).array().notNull(),
    /** What the counters of the request's meters stood at when it was decided. */
    counterIds: bigint('counter_ids', { mode: 'bigint' }).array().notNull(),
    seenUsed: bigint('seen_used', { mode: 'bigint' }).array().notNull(),
    seenHeld: bigint('seen_held', { mode: 'bigint' }).array().notNull(),
    seenAmount: bigint('seen_amount', { mode: 'bigint' }).array().notNull(),
    /** The counter that decided: the one refusing, or the tightest of those that admitted. */
    bindingCounterId: amount('binding_counter_id'),
    /** The plan of calls as JSON text: what would be called, with which caps and prices. */
    detail: text('detail').notNull(),
  },
  (table) => [primaryKey({ columns: [table.shard, table.id] })],
);

/** A hold that is open: what it still holds. Deleted when it ends. */
export const ledgerOpenHolds = pgTable(
  'ledger_open_holds',
  {
    shard: smallint('shard').notNull(),
    id: uuid('id').notNull(),
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id'),
    keyId: uuid('key_id'),
    workspaceId: uuid('workspace_id'),
    createdAt: instant('created_at').notNull(),
    expiresAt: instant('expires_at').notNull(),
    meters: text('meters').array().notNull(),
    remaining: bigint('remaining', { mode: 'bigint' }).array().notNull(),
    settledCalls: integer('settled_calls').array().notNull(),
  },
  (table) => [primaryKey({ columns: [table.shard, table.id] })],
);

/** The end of a hold that expired, or was closed without a call. The last call of any other hold says when it ended. */
export const ledgerEndedHolds = pgTable(
  'ledger_ended_holds',
  {
    shard: smallint('shard').notNull(),
    id: uuid('id').notNull(),
    state: text('state', { enum: ['closed', 'expired'] }).notNull(),
    endedAt: instant('ended_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.shard, table.id] })],
);

/** Decisions with the state of their holds. A view, to read from. */
export const ledgerHolds = pgView('ledger_holds', {
  shard: smallint('shard').notNull(),
  id: uuid('id').notNull(),
  accountId: uuid('account_id').notNull(),
  userId: uuid('user_id'),
  keyId: uuid('key_id'),
  workspaceId: uuid('workspace_id'),
  state: text('state', { enum: ['open', 'closed', 'expired', 'refused'] }).notNull(),
  verdict: text('verdict').notNull(),
  createdAt: instant('created_at').notNull(),
  expiresAt: instant('expires_at').notNull(),
  closedAt: instant('closed_at'),
  meters: text('meters').array().notNull(),
  asked: bigint('asked', { mode: 'bigint' }).array().notNull(),
  remaining: bigint('remaining', { mode: 'bigint' }).array().notNull(),
  settledCalls: integer('settled_calls').array().notNull(),
  counterIds: bigint('counter_ids', { mode: 'bigint' }).array().notNull(),
  seenUsed: bigint('seen_used', { mode: 'bigint' }).array().notNull(),
  seenHeld: bigint('seen_held', { mode: 'bigint' }).array().notNull(),
  seenAmount: bigint('seen_amount', { mode: 'bigint' }).array().notNull(),
  bindingCounterId: amount('binding_counter_id'),
  detail: text('detail').notNull(),
}).existing();

/**
 * One immutable row per provider call. Partitioned by month of `admitted_at`. The calls of a hold are found by its
 * account and time: one index serves them, the pages of a list, and uniqueness.
 */
export const usageEvents = pgTable(
  'usage_events',
  {
    shard: smallint('shard').notNull(),
    holdId: uuid('hold_id').notNull(),
    /** Position in the plan. A correction of call n is a row of its own at -1 - n, whose figures are differences. */
    callIndex: smallint('call_index').notNull(),
    accountId: uuid('account_id').notNull(),
    userId: uuid('user_id'),
    keyId: uuid('key_id'),
    workspaceId: uuid('workspace_id'),
    /** When the hold was made: windows count a call where it was admitted. */
    admittedAt: instant('admitted_at').notNull(),
    occurredAt: instant('occurred_at').notNull(),
    step: text('step').notNull(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    endpoint: text('endpoint').notNull(),
    status: text('status', { enum: ['ok', 'aborted', 'error'] }).notNull(),
    errorCode: text('error_code'),
    usageSource: text('usage_source', { enum: ['provider', 'counted', 'estimated', 'bound'] }).notNull(),
    /** Set when the call settled after its hold had expired, or cost more than its hold. */
    late: boolean('late').notNull(),
    overrun: boolean('overrun').notNull(),
    /** Token classes are disjoint; null is unknown, never nothing. */
    inputTokens: bigint('input_tokens', { mode: 'number' }),
    cacheReadTokens: bigint('cache_read_tokens', { mode: 'number' }),
    cacheWriteTokens: bigint('cache_write_tokens', { mode: 'number' }),
    outputTokens: bigint('output_tokens', { mode: 'number' }),
    reasoningTokens: bigint('reasoning_tokens', { mode: 'number' }),
    /** Units that are not tokens: images, seconds of audio, searches, pages. */
    otherClasses: text('other_classes').array().notNull(),
    otherAmounts: bigint('other_amounts', { mode: 'bigint' }).array().notNull(),
    inputCostNanoUsd: amount('input_cost_nano_usd').notNull(),
    outputCostNanoUsd: amount('output_cost_nano_usd').notNull(),
    costNanoUsd: amount('cost_nano_usd').notNull(),
    priceVersion: text('price_version').notNull(),
    latencyMs: integer('latency_ms').notNull(),
    firstByteMs: integer('first_byte_ms'),
    attempts: smallint('attempts').notNull(),
    requestBytes: integer('request_bytes').notNull(),
    responseBytes: integer('response_bytes').notNull(),
    providerRequestId: text('provider_request_id'),
    meters: text('meters').array().notNull(),
    amounts: bigint('amounts', { mode: 'bigint' }).array().notNull(),
  },
  (table) => [
    primaryKey({
      columns: [table.accountId, table.admittedAt, table.holdId, table.callIndex, table.shard],
    }),
    // Almost free to maintain on rows in order of time: finds an hour over all accounts.
    index('usage_events_time').using('brin', table.admittedAt),
    index('usage_events_bound')
      .on(table.admittedAt, table.holdId, table.callIndex)
      .where(sql`usage_source = 'bound'`),
  ],
);

/** Stands for no user, key or workspace in the keys of the sums. */
export const NO_ID = '00000000-0000-0000-0000-000000000000';

/** The columns of a daily sum. */
const dailySum = () => ({
  shard: smallint('shard').notNull(),
  accountId: uuid('account_id').notNull(),
  day: date('day').notNull(),
  /** The nil UUID where no user acted (an API key of the account). */
  userId: uuid('user_id').notNull(),
  /** The nil UUID where no key, or no workspace, was used. */
  keyId: uuid('key_id').notNull().default(NO_ID),
  workspaceId: uuid('workspace_id').notNull().default(NO_ID),
  /** Empty for sums from before the step was part of them. */
  step: text('step').notNull().default(''),
  provider: text('provider').notNull(),
  model: text('model').notNull(),
  calls: amount('calls').notNull(),
  errors: amount('errors').notNull(),
  inputTokens: amount('input_tokens').notNull(),
  cacheReadTokens: amount('cache_read_tokens').notNull(),
  cacheWriteTokens: amount('cache_write_tokens').notNull(),
  outputTokens: amount('output_tokens').notNull(),
  reasoningTokens: amount('reasoning_tokens').notNull(),
  costNanoUsd: amount('cost_nano_usd').notNull(),
  latencyMs: amount('latency_ms').notNull(),
});

/** Sums per account, day, user, key, workspace, step, provider and model, except for the changes that wait in {@link usageDailyChanges}. */
export const usageDailyTotals = pgTable('usage_daily_totals', dailySum(), (table) => [
  primaryKey({
    name: 'usage_daily_totals_key',
    columns: [
      table.shard,
      table.accountId,
      table.day,
      table.userId,
      table.keyId,
      table.workspaceId,
      table.step,
      table.provider,
      table.model,
    ],
  }),
]);

/** What settled batches add to the daily sums; a job moves it to {@link usageDailyTotals}. */
export const usageDailyChanges = pgTable('usage_daily_changes', dailySum());

/** Usage per account, day, user, key, workspace, step, provider and model, exact at every commit. A view, to read from. */
export const usageDaily = pgView('usage_daily', dailySum()).existing();

/**
 * A threshold that was reached: one row per limit, window, threshold and amount of the limit, written in the transaction
 * of the settle, or of the change of the limit, that reached it.
 */
export const thresholdEvents = pgTable(
  'threshold_events',
  {
    shard: smallint('shard').notNull(),
    id: bigserial('id', { mode: 'bigint' }).notNull(),
    accountId: uuid('account_id').notNull(),
    counterId: amount('counter_id').notNull(),
    thresholdBps: integer('threshold_bps').notNull(),
    state: text('state').notNull(),
    used: amount('used').notNull(),
    amount: amount('amount').notNull(),
    /** Null where a changed limit, not a call, moved the limit's usage over the threshold. */
    holdId: uuid('hold_id'),
    occurredAt: instant('occurred_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.shard, table.id] }),
    uniqueIndex('threshold_events_once').on(table.shard, table.counterId, table.thresholdBps, table.amount),
    index('threshold_events_account').on(table.accountId, table.id),
  ],
);

/** Emergency stops. A row without `lifted_at` is in force, and is read inside every hold's transaction. */
export const ledgerStops = pgTable(
  'ledger_stops',
  {
    id: uuid('id').primaryKey(),
    kind: text('kind', { enum: ['global', 'provider', 'model', 'account', 'key'] }).notNull(),
    /** Provider, `provider/model`, account id or key id; empty for the global stop. */
    target: text('target').notNull(),
    reason: text('reason').notNull(),
    author: text('author').notNull(),
    createdAt: instant('created_at').notNull(),
    liftedAt: instant('lifted_at'),
    liftedBy: text('lifted_by'),
  },
  (table) => [
    uniqueIndex('ledger_stops_in_force').on(table.kind, table.target).where(sql`lifted_at IS NULL`),
  ],
);
