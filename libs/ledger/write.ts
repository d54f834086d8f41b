/** The statements of a program's last round that holds, settlements and records share. */
import { NO_ID } from '#libs/db/schema/ledger.ts';
import { plainArray, textArray } from './array-literal.ts';
import type { Balance, Crossing } from './decide.ts';
import { array, insertInto, plain, text } from './insert.ts';
import { dayOf, formatInstant } from './instant.ts';
import type { LoadedBalance, Member } from './load.ts';
import { shardOf } from './shard.ts';
import type { Statement } from './two-step.ts';
import type { CallFacts, Meters } from './types.ts';

/** An array literal of amounts. */
export const amounts = (values: readonly (bigint | null)[]): string => plainArray(values);

const BALANCES_SQL = `
  UPDATE ledger_balances b SET used = q.used::bigint[], held = q.held::bigint[]
    FROM unnest($1::tid[], $2::text[], $3::text[]) q(row_pointer, used, held)
   WHERE b.ctid = q.row_pointer`;

export function updateBalances(changed: Iterable<LoadedBalance>): Statement {
  const balances = [...changed];
  const values = [
    textArray(balances.map(({ rowPointer }) => rowPointer)),
    textArray(balances.map(({ used }) => amounts(used))),
    textArray(balances.map(({ held }) => amounts(held))),
  ];
  return { name: 'ledger_balances', text: BALANCES_SQL, values };
}

/** A window that has ended, as a balance of one counter. */
export type EndedWindow = Balance & { accountId: string };

const WINDOWS_SQL = `
  UPDATE ledger_windows w SET used = q.used, held = q.held
    FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[]) q(shard, id, used, held)
   WHERE w.shard = q.shard AND w.id = q.id`;

export function updateWindows(windows: readonly EndedWindow[]): Statement {
  const values = [
    plainArray(windows.map(({ accountId }) => shardOf(accountId))),
    amounts(windows.map(({ counters }) => counters[0]?.id ?? null)),
    amounts(windows.map(({ used }) => used[0] ?? null)),
    amounts(windows.map(({ held }) => held[0] ?? null)),
  ];
  return { name: 'ledger_windows', text: WINDOWS_SQL, values };
}

export type ThresholdRow = Crossing & { accountId: string; holdId: string; at: number };

/** A threshold that was reached before, in the same window and with the same amount, has its event. */
export const insertThresholds = insertInto<ThresholdRow>(
  'threshold_events',
  {
    shard: plain('smallint', ({ accountId }) => shardOf(accountId)),
    account_id: plain('uuid', ({ accountId }) => accountId),
    counter_id: plain('bigint', ({ counter }) => counter.id),
    threshold_bps: plain('integer', ({ bps }) => bps),
    state: text(({ state }) => state),
    used: plain('bigint', ({ used }) => used),
    amount: plain('bigint', ({ counter }) => counter.amount),
    hold_id: plain('uuid', ({ holdId }) => holdId),
    occurred_at: plain('timestamptz', ({ at }) => formatInstant(at)),
  },
  'ON CONFLICT (shard, counter_id, threshold_bps, amount) DO NOTHING',
);

export type UsageRow = {
  accountId: string;
  holdId: string;
  callIndex: number;
  member: Member;
  admittedAt: number;
  occurredAt: number;
  late: boolean;
  overrun: boolean;
  facts: CallFacts;
  meters: Meters;
  /** The status of the call that this row corrects: the row is no call of its own, and its figures are differences. */
  corrects?: CallFacts['status'];
};

const costOf = ({ inputCostNanoUsd, outputCostNanoUsd }: CallFacts) => inputCostNanoUsd + outputCostNanoUsd;

export const insertUsage = insertInto<UsageRow>('usage_events', {
  shard: plain('smallint', ({ accountId }) => shardOf(accountId)),
  hold_id: plain('uuid', ({ holdId }) => holdId),
  call_index: plain('smallint', ({ callIndex }) => callIndex),
  account_id: plain('uuid', ({ accountId }) => accountId),
  user_id: plain('uuid', ({ member }) => member.userId),
  key_id: plain('uuid', ({ member }) => member.keyId),
  workspace_id: plain('uuid', ({ member }) => member.workspaceId),
  admitted_at: plain('timestamptz', ({ admittedAt }) => formatInstant(admittedAt)),
  occurred_at: plain('timestamptz', ({ occurredAt }) => formatInstant(occurredAt)),
  step: text(({ facts }) => facts.step),
  provider: text(({ facts }) => facts.provider),
  model: text(({ facts }) => facts.model),
  endpoint: text(({ facts }) => facts.endpoint),
  status: text(({ facts }) => facts.status),
  error_code: text(({ facts }) => facts.errorCode),
  usage_source: text(({ facts }) => facts.usageSource),
  late: plain('boolean', ({ late }) => late),
  overrun: plain('boolean', ({ overrun }) => overrun),
  input_tokens: plain('bigint', ({ facts }) => facts.inputTokens ?? null),
  cache_read_tokens: plain('bigint', ({ facts }) => facts.cacheReadTokens ?? null),
  cache_write_tokens: plain('bigint', ({ facts }) => facts.cacheWriteTokens ?? null),
  output_tokens: plain('bigint', ({ facts }) => facts.outputTokens ?? null),
  reasoning_tokens: plain('bigint', ({ facts }) => facts.reasoningTokens ?? null),
  other_classes: array('text', ({ facts }) => textArray(Object.keys(facts.otherUnits))),
  other_amounts: array('bigint', ({ facts }) => plainArray(Object.values(facts.otherUnits))),
  input_cost_nano_usd: plain('bigint', ({ facts }) => facts.inputCostNanoUsd),
  output_cost_nano_usd: plain('bigint', ({ facts }) => facts.outputCostNanoUsd),
  cost_nano_usd: plain('bigint', ({ facts }) => costOf(facts)),
  price_version: text(({ facts }) => facts.priceVersion),
  latency_ms: plain('integer', ({ facts }) => Math.round(facts.latencyMs)),
  first_byte_ms: plain('integer', ({ facts }) =>
    facts.firstByteMs === null ? null : Math.round(facts.firstByteMs),
  ),
  attempts: plain('smallint', ({ facts }) => facts.attempts),
  request_bytes: plain('integer', ({ facts }) => facts.requestBytes),
  response_bytes: plain('integer', ({ facts }) => facts.responseBytes),
  provider_request_id: text(({ facts }) => facts.providerRequestId),
  meters: array('text', ({ meters }) => textArray(Object.keys(meters))),
  amounts: array('bigint', ({ meters }) => amounts(Object.values(meters))),
});

/** What a batch adds to one daily sum. */
type DailyChange = Record<keyof typeof DAILY_AMOUNTS, bigint> & {
  accountId: string;
  day: string;
  userId: string;
  keyId: string;
  workspaceId: string;
  step: string;
  provider: string;
  model: string;
};

const errors = (status: CallFacts['status'] | undefined) => (status === undefined || status === 'ok' ? 0 : 1);

/** What a row adds to its daily sum. */
const DAILY_AMOUNTS = {
  calls: ({ corrects }) => (corrects === undefined ? 1 : 0),
  errors: ({ facts, corrects }) => errors(facts.status) - errors(corrects),
  input_tokens: ({ facts }) => facts.inputTokens ?? 0,
  cache_read_tokens: ({ facts }) => facts.cacheReadTokens ?? 0,
  cache_write_tokens: ({ facts }) => facts.cacheWriteTokens ?? 0,
  output_tokens: ({ facts }) => facts.outputTokens ?? 0,
  reasoning_tokens: ({ facts }) => facts.reasoningTokens ?? 0,
  cost_nano_usd: ({ facts }) => costOf(facts),
  latency_ms: ({ facts }) => Math.round(facts.latencyMs),
} as const satisfies Record<string, (row: UsageRow) => number | bigint>;

const DAILY_COLUMNS = Object.keys(DAILY_AMOUNTS) as (keyof typeof DAILY_AMOUNTS)[];

const insertDaily = insertInto<DailyChange>('usage_daily_changes', {
  shard: plain('smallint', ({ accountId }) => shardOf(accountId)),
  account_id: plain('uuid', ({ accountId }) => accountId),
  day: plain('date', ({ day }) => day),
  user_id: plain('uuid', ({ userId }) => userId),
  key_id: plain('uuid', ({ keyId }) => keyId),
  workspace_id: plain('uuid', ({ workspaceId }) => workspaceId),
  step: text(({ step }) => step),
  provider: text(({ provider }) => provider),
  model: text(({ model }) => model),
  ...Object.fromEntries(
    DAILY_COLUMNS.map((column) => [column, plain<DailyChange>('bigint', (change) => change[column])]),
  ),
});

/** Adds calls to the daily sums: one row per sum, which a job adds to the totals. */
export function insertDailyChanges(rows: readonly UsageRow[]): Statement {
  const changes = new Map<string, DailyChange>();
  for (const row of rows) {
    const { accountId, member } = row;
    const day = dayOf(row.admittedAt);
    const userId = member.userId ?? NO_ID;
    const keyId = member.keyId ?? NO_ID;
    const workspaceId = member.workspaceId ?? NO_ID;
    const { step, provider, model } = row.facts;
    const key = JSON.stringify([accountId, day, userId, keyId, workspaceId, step, provider, model]);
    let change = changes.get(key);
    if (change === undefined) {
      change = { accountId, day, userId, keyId, workspaceId, step, provider, model } as DailyChange;
      for (const column of DAILY_COLUMNS) change[column] = 0n;
      changes.set(key, change);
    }
    for (const column of DAILY_COLUMNS) change[column] += BigInt(DAILY_AMOUNTS[column](row));
  }
  return insertDaily([...changes.values()]);
}
