/** The ledger's SQL calls: items in, rows out. Each is one prepared statement for a whole batch. */
import pg, { type Pool } from 'pg';
import { typeParsers } from '#libs/db/pool.ts';
import { plainArray, textArray } from './array-literal.ts';
import { shardOf } from './shard.ts';
import type {
  CloseRequest,
  HoldAnswer,
  HoldRequest,
  LimitState,
  LimitView,
  Meters,
  Scope,
  SettleAnswer,
  SettleRequest,
  Verdict,
  Window,
} from './types.ts';

export type SettleItem = SettleRequest | CloseRequest;

type LimitRow = {
  /** Position of the item, from 1. */
  ord: number;
  meter: string | null;
  win: Window;
  scope: Scope;
  scope_id: string;
  kind?: LimitView['kind'];
  amount: bigint | null;
  used: bigint;
  held: bigint;
  asked?: bigint;
  resets_at: Date | number;
  source?: string;
};

type HoldRow = LimitRow & {
  verdict: Verdict;
  replayed: boolean;
  expires_at: Date;
  stop: string | null;
};

type SettleRow = LimitRow & {
  outcome: SettleAnswer['outcome'];
  late: boolean;
  overrun: boolean;
  state: LimitState;
};

const { TIMESTAMPTZ } = pg.types.builtins;
const MAX_INSTANTS = 1_000;
const instants = new Map<string, Date | number>();

/** Rows of a batch name the same few moments again and again; reading one costs more than looking it up. */
function parseInstant(text: string): Date | number {
  const known = instants.get(text);
  if (known !== undefined) return known;
  if (instants.size >= MAX_INSTANTS) instants.clear();
  const instant = parseTimestamp(text) as Date | number;
  instants.set(text, instant);
  return instant;
}

const parseTimestamp = typeParsers.getTypeParser(TIMESTAMPTZ, 'text');

const rowTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === TIMESTAMPTZ && format !== 'binary' ? parseInstant : typeParsers.getTypeParser(oid, format),
};

function parameters(count: number): string {
  return Array.from({ length: count }, (_, index) => `$${index + 1}`).join(', ');
}

const HOLD_SQL = `SELECT ord, verdict, replayed, expires_at, stop, meter, win, scope, scope_id, kind, amount, used, held,
  asked, resets_at, source FROM ledger_hold(${parameters(17)})`;

const SETTLE_SQL = `SELECT ord, outcome, late, overrun, state, meter, win, scope, scope_id, amount, used, held, resets_at
  FROM ledger_settle(${parameters(36)})`;

/** What the items of a batch have in common, each once: their accounts, in the order of the locks, and their meters. */
type Shared = {
  shards: number[];
  accounts: string[];
  /** The position of each item's account, from 1. */
  accountOf: number[];
  names: string[];
  /** One element per item and name: the item's amount of it. */
  amounts: (bigint | null)[];
};

function shareOut(items: readonly { accountId: string; meters?: Meters }[]): Shared {
  const accounts = [...new Set(column(items, (item) => item.accountId))]
    .map((id) => ({ id, shard: shardOf(id) }))
    .sort((one, other) => one.shard - other.shard || (one.id < other.id ? -1 : 1));
  const positions = new Map(accounts.map(({ id }, index) => [id, index + 1]));
  const names: string[] = [];
  for (const { meters } of items) {
    for (const name in meters) if (!names.includes(name)) names.push(name);
  }
  const amounts: (bigint | null)[] = [];
  for (const { meters } of items) for (const name of names) amounts.push(meters?.[name] ?? null);
  return {
    shards: column(accounts, ({ shard }) => shard),
    accounts: column(accounts, ({ id }) => id),
    accountOf: column(items, (item) => positions.get(item.accountId) ?? 0),
    names,
    amounts,
  };
}

function column<Item, Value>(items: readonly Item[], pick: (item: Item) => Value): Value[] {
  const values = new Array<Value>(items.length);
  for (let i = 0; i < items.length; i += 1) values[i] = pick(items[i] as Item);
  return values;
}

function limitView(row: LimitRow): LimitView | null {
  if (row.meter === null) return null;
  return {
    meter: row.meter,
    window: row.win,
    scope: row.scope,
    scopeId: row.scope_id,
    kind: row.kind ?? 'n',
    amount: row.amount,
    used: row.used,
    held: row.held,
    asked: row.asked ?? 0n,
    // The driver reads 'infinity' as a number: a window that never resets.
    resetsAt: row.resets_at instanceof Date ? new Date(row.resets_at) : null,
    source: row.source ?? '',
  };
}

/** Rows carry the position of their item, as SQL promises no order. */
function inOrder<Row extends LimitRow, Answer>(rows: Row[], toAnswer: (row: Row) => Answer): Answer[] {
  const answers = new Array<Answer>(rows.length);
  for (const row of rows) answers[row.ord - 1] = toAnswer(row);
  return answers;
}

/** @throws DatabaseError `lock_not_available`, without effect, when a lock takes longer than `maxWaitMs`. */
export async function runHolds(
  pool: Pool,
  now: Date | null,
  items: HoldRequest[],
  maxWaitMs: number,
): Promise<HoldAnswer[]> {
  const shared = shareOut(items);
  const result = await pool.query<HoldRow>({
    name: 'ledger_hold',
    types: rowTypes,
    text: HOLD_SQL,
    values: [
      now,
      plainArray(shared.shards),
      plainArray(shared.accounts),
      textArray(shared.names),
      plainArray(shared.amounts),
      plainArray(shared.accountOf),
      plainArray(column(items, (item) => item.id)),
      plainArray(column(items, (item) => item.userId)),
      plainArray(column(items, (item) => item.keyId)),
      plainArray(column(items, (item) => item.workspaceId)),
      plainArray(column(items, (item) => item.ttlMs)),
      textArray(column(items, (item) => textArray(Object.keys(item.meters)))),
      textArray(column(items, (item) => plainArray(Object.values(item.meters)))),
      textArray(column(items, (item) => textArray(item.targets))),
      textArray(column(items, (item) => item.detail)),
      plainArray(column(items, (item) => item.keepRefusal)),
      maxWaitMs,
    ],
  });
  return inOrder(result.rows, (row) => ({
    verdict: row.verdict,
    replayed: row.replayed,
    expiresAt: new Date(row.expires_at),
    stop: row.stop,
    limit: limitView(row),
  }));
}

/** The facts of no call at all; a close puts them in columns that the statement does not read. */
export const NO_FACTS = {
  step: '',
  provider: '',
  model: '',
  endpoint: '',
  status: 'ok',
  errorCode: null,
  usageSource: 'provider',
  inputTokens: undefined,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  outputTokens: undefined,
  reasoningTokens: undefined,
  otherUnits: {},
  inputCostNanoUsd: 0n,
  outputCostNanoUsd: 0n,
  priceVersion: '',
  latencyMs: 0,
  firstByteMs: null,
  attempts: 0,
  requestBytes: 0,
  responseBytes: 0,
  providerRequestId: null,
} as const satisfies SettleRequest['facts'];

const NO_METERS: SettleRequest['meters'] = {};

/**
 * @param maxWaitMs null to wait for locks as long as the caller's transaction may.
 * @throws DatabaseError `lock_not_available`, without effect, when a lock takes longer than `maxWaitMs`.
 */
export async function runSettles(
  pool: Pick<Pool, 'query'>,
  now: Date | null,
  items: SettleItem[],
  maxWaitMs: number | null,
): Promise<SettleAnswer[]> {
  const facts = column(items, (item) => ('facts' in item ? item.facts : NO_FACTS));
  const meters = column(items, (item) => ('meters' in item ? item.meters : NO_METERS));
  const shared = shareOut(items);
  const result = await pool.query<SettleRow>({
    name: 'ledger_settle',
    types: rowTypes,
    text: SETTLE_SQL,
    values: [
      now,
      plainArray(shared.shards),
      plainArray(shared.accounts),
      textArray(shared.names),
      plainArray(shared.amounts),
      'closed',
      plainArray(shared.accountOf),
      plainArray(column(items, (item) => item.holdId)),
      plainArray(column(items, (item) => ('callIndex' in item ? item.callIndex : null))),
      plainArray(column(items, (item) => ('close' in item ? item.close : true))),
      textArray(column(meters, (amounts) => textArray(Object.keys(amounts)))),
      textArray(column(meters, (amounts) => plainArray(Object.values(amounts)))),
      textArray(column(facts, (fact) => fact.step)),
      textArray(column(facts, (fact) => fact.provider)),
      textArray(column(facts, (fact) => fact.model)),
      textArray(column(facts, (fact) => fact.endpoint)),
      textArray(column(facts, (fact) => fact.status)),
      textArray(column(facts, (fact) => fact.errorCode)),
      textArray(column(facts, (fact) => fact.usageSource)),
      plainArray(column(facts, (fact) => fact.inputTokens ?? null)),
      plainArray(column(facts, (fact) => fact.cacheReadTokens ?? null)),
      plainArray(column(facts, (fact) => fact.cacheWriteTokens ?? null)),
      plainArray(column(facts, (fact) => fact.outputTokens ?? null)),
      plainArray(column(facts, (fact) => fact.reasoningTokens ?? null)),
      textArray(column(facts, (fact) => textArray(Object.keys(fact.otherUnits)))),
      textArray(column(facts, (fact) => plainArray(Object.values(fact.otherUnits)))),
      plainArray(column(facts, (fact) => fact.inputCostNanoUsd)),
      plainArray(column(facts, (fact) => fact.outputCostNanoUsd)),
      textArray(column(facts, (fact) => fact.priceVersion)),
      plainArray(column(facts, (fact) => Math.round(fact.latencyMs))),
      plainArray(column(facts, (fact) => (fact.firstByteMs === null ? null : Math.round(fact.firstByteMs)))),
      plainArray(column(facts, (fact) => fact.attempts)),
      plainArray(column(facts, (fact) => fact.requestBytes)),
      plainArray(column(facts, (fact) => fact.responseBytes)),
      textArray(column(facts, (fact) => fact.providerRequestId)),
      maxWaitMs,
    ],
  });
  return inOrder(result.rows, (row) => ({
    outcome: row.outcome,
    late: row.late,
    overrun: row.overrun,
    state: row.state,
    limit: limitView(row),
  }));
}

/** Which of these accounts another transaction has locked now. */
export async function findLocked(pool: Pool, accountIds: readonly string[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ id: string }>('SELECT ledger_find_locked($1, $2) AS id', [
    accountIds.map(shardOf),
    accountIds,
  ]);
  return new Set(rows.map(({ id }) => id));
}
