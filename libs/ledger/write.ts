/** The statements of a program's last round that holds, settlements and records share. */
import { NO_ID } from '#libs/db/schema/ledger.ts';
import { plainArray, textArray } from './array-literal.ts';
import type { Balance, Crossing } from './decide.ts';
import { array, type Columns, forRows, insertInto, insertion, plain, text } from './insert.ts';
import { formatInstant } from './instant.ts';
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

const errors = (status: CallFacts['status'] | undefined) => (status === undefined || status === 'ok' ? 0 : 1);

const USAGE_COLUMNS: Columns<UsageRow> = {
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
};

/** Columns of the daily sums that are those of the usage rows. */
const SUMMED_COLUMNS = [
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'output_tokens',
  'reasoning_tokens',
  'cost_nano_usd',
  'latency_ms',
];

/**
 * Usage rows, and what they add to the daily sums: one row per sum, which a job adds to the totals. The row of a correction is
 * no call of its own.
 */
export const insertUsage = forRows<UsageRow>(
  'usage_events',
  {
    ...USAGE_COLUMNS,
    errors: plain('integer', ({ facts, corrects }) => errors(facts.status) - errors(corrects)),
  },
  `, usage AS (${insertion('usage_events', USAGE_COLUMNS)})
  INSERT INTO usage_daily_changes (shard, account_id, day, user_id, key_id, workspace_id, step, provider, model, calls, errors,
                                   ${SUMMED_COLUMNS.join(', ')})
  SELECT shard, account_id, (admitted_at AT TIME ZONE 'UTC')::date AS day, coalesce(user_id, '${NO_ID}'),
         coalesce(key_id, '${NO_ID}'), coalesce(workspace_id, '${NO_ID}'), step, provider, model,
         count(*) FILTER (WHERE call_index >= 0), sum(errors),
         ${SUMMED_COLUMNS.map((column) => `coalesce(sum(${column}), 0)`).join(', ')}
    FROM q GROUP BY shard, account_id, day, user_id, key_id, workspace_id, step, provider, model`,
);
