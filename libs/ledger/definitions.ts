/** The definitions of counters: read once per version of a balance, and kept in memory. */
import { LRUCache } from 'lru-cache';
import type { Counter } from './decide.ts';
import { formatInstant, parseInstant } from './instant.ts';
import { type Key, keyArrays, type Loaded, type LoadedBalance, parseAmounts } from './load.ts';
import type { Rounds, Row } from './two-step.ts';
import type { LimitView, Scope, Window } from './types.ts';

/** The columns that {@link toCounter} reads, of `ledger_windows w`. */
export const COUNTER_COLUMNS = `w.id, w.meter, w.win, w.scope, w.scope_id, w.kind, w.amount, w.on_limit, w.block_at,
  w.thresholds, w.threshold_bps, w.window_end, w.source`;

const DEFINITIONS_SQL = `
  SELECT q.n, ${COUNTER_COLUMNS}
    FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[]) WITH ORDINALITY q(shard, account_id, scope, scope_id, n)
   CROSS JOIN LATERAL (
     SELECT * FROM ledger_windows
      WHERE account_id = q.account_id AND window_end > $5::timestamptz AND shard = q.shard AND scope = q.scope
        AND scope_id = q.scope_id AND balance_index IS NOT NULL
      OFFSET 0) w
   ORDER BY q.n, w.balance_index`;

const MAX_DEFINITIONS = 50_000;
/** The counters of balances by {@link keyOf}, as of their version. */
const definitions = new LRUCache<string, { version: string; counters: readonly Counter[] }>({
  max: MAX_DEFINITIONS,
});

const keyOf = ({ accountId, scope, scopeId }: Key) =>
  scope === 'account' ? accountId : `${accountId}/${scope}:${scopeId}`;

/** Fills in the counters of all balances that were loaded: from memory, or from the database if their version is new. */
export function* loadDefinitions({ accounts, now }: Loaded): Rounds<void> {
  const missing: LoadedBalance[] = [];
  const fill = (balance: LoadedBalance) => {
    const known = definitions.get(keyOf(balance));
    if (known?.version === balance.version) balance.counters = known.counters;
    else missing.push(balance);
  };
  for (const { balance, members } of accounts.values()) {
    fill(balance);
    for (const member of members.values()) fill(member);
  }
  if (missing.length === 0) return;
  const values = [...keyArrays(missing), formatInstant(now)];
  const [rows = []] = yield [{ name: 'ledger_definitions', text: DEFINITIONS_SQL, values }];
  const counters = missing.map((): Counter[] => []);
  for (const [n, ...row] of rows) counters[Number(n) - 1]?.push(toCounter(row));
  for (const [index, balance] of missing.entries()) {
    const found = counters[index] as Counter[];
    if (found.length !== balance.used.length)
      throw new Error(`${found.length} definitions of ${balance.used.length} counters in ${keyOf(balance)}`);
    balance.counters = found;
    definitions.set(keyOf(balance), { version: balance.version, counters: found });
  }
}

const toAmount = (text: string | null | undefined) =>
  text === null || text === undefined ? null : BigInt(text);

/** @param row the values of {@link COUNTER_COLUMNS}. */
export function toCounter(row: Row): Counter {
  const [id, meter, window, scope, scopeId, kind, amount, onLimit, blockAt, thresholds, bps, end, source] =
    row as string[];
  const basisPoints = parseAmounts(bps as string);
  return {
    id: BigInt(id as string),
    meter: meter as string,
    window: window as Window,
    scope: scope as Scope,
    scopeId: scopeId as string,
    kind: kind as LimitView['kind'],
    amount: toAmount(amount),
    onLimit: onLimit as string,
    blockAt: toAmount(blockAt),
    thresholds: parseAmounts(thresholds as string).map((at, index) => ({
      at,
      bps: Number(basisPoints[index]),
    })),
    windowEnd: parseInstant(end as string),
    source: source as string,
  };
}
