/** The counters in which a hold counts. */
import { plainArray } from './array-literal.ts';
import type { CounterRef } from './decide.ts';
import { COUNTER_COLUMNS, loadDefinitions, toCounter } from './definitions.ts';
import { formatInstant } from './instant.ts';
import type { Loaded, LoadedBalance, Member } from './load.ts';
import { balancesOf, loadMembers } from './members.ts';
import type { Rounds, Row } from './two-step.ts';
import type { EndedWindow } from './write.ts';

/** The windows in which a call counts, wherever their amounts are kept. */
const WINDOWS_SQL = `
  SELECT q.n, w.balance_index, w.used, w.held, ${COUNTER_COLUMNS}
    FROM unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::uuid[]) WITH ORDINALITY
         q(account_id, at, user_id, key_id, workspace_id, n)
   CROSS JOIN LATERAL (
     SELECT * FROM ledger_windows
      WHERE account_id = q.account_id AND window_end > q.at AND window_start <= q.at
        AND ledger_in_scope(scope, scope_id, q.user_id, q.key_id, q.workspace_id)
      OFFSET 0) w`;

/**
 * The counters in which each hold counts: those of the windows in which it was admitted. They are in the current balances,
 * except for holds that are older than a window of theirs.
 */
export function* findCounters(
  loaded: Loaded,
  holds: readonly (Member & { id: string; accountId: string; createdAt: number })[],
): Rounds<Map<string, CounterRef[]>> {
  yield* loadMembers(loaded, holds, false);
  yield* loadDefinitions(loaded);
  const counters = new Map<string, CounterRef[]>();
  const older: (typeof holds)[number][] = [];
  /** Most holds of a batch count in the same balances. */
  const refs = new Map<LoadedBalance, CounterRef[]>();
  const refsOf = (balance: LoadedBalance): CounterRef[] => {
    const known = refs.get(balance) ?? balance.counters.map((_, index) => ({ balance, index }));
    refs.set(balance, known);
    return known;
  };
  for (const hold of holds) {
    const account = loaded.accounts.get(hold.accountId);
    const balances = account === undefined ? [] : balancesOf(account, hold);
    const isCurrent = balances.every((balance) => balance !== undefined && hold.createdAt >= balance.since);
    if (isCurrent) counters.set(hold.id, (balances as LoadedBalance[]).flatMap(refsOf));
    else older.push(hold);
  }
  if (older.length === 0) return counters;

  const values = [
    plainArray(older.map(({ accountId }) => accountId)),
    plainArray(older.map(({ createdAt }) => formatInstant(createdAt))),
    plainArray(older.map(({ userId }) => userId)),
    plainArray(older.map(({ keyId }) => keyId)),
    plainArray(older.map(({ workspaceId }) => workspaceId)),
  ];
  const [rows = []] = yield [{ name: 'ledger_windows', text: WINDOWS_SQL, values }];
  const ended = new Map<string, EndedWindow>();
  for (const hold of older) counters.set(hold.id, []);
  for (const [n, balanceIndex, used, held, ...definition] of rows) {
    const hold = older[Number(n) - 1] as (typeof older)[number];
    const ref =
      balanceIndex === null
        ? endedRef(ended, hold.accountId, used as string, held as string, definition)
        : currentRef(loaded, hold, definition, Number(balanceIndex) - 1);
    counters.get(hold.id)?.push(ref);
  }
  return counters;
}

function currentRef(
  loaded: Loaded,
  hold: Member & { accountId: string },
  definition: Row,
  index: number,
): CounterRef {
  const { id } = toCounter(definition);
  const account = loaded.accounts.get(hold.accountId);
  const balance = account && balancesOf(account, hold).find((each) => each?.counters[index]?.id === id);
  if (balance === undefined) throw new Error(`The balance of counter ${id} was not read`);
  return { balance, index };
}

/** The calls of a batch share the windows that have ended. */
function endedRef(
  ended: Map<string, EndedWindow>,
  accountId: string,
  used: string,
  held: string,
  definition: Row,
): CounterRef {
  const id = definition[0] as string;
  let balance = ended.get(id);
  if (balance === undefined) {
    const counters = [toCounter(definition)];
    balance = {
      accountId,
      counters,
      used: [BigInt(used)],
      held: [BigInt(held)],
      since: Number.NEGATIVE_INFINITY,
    };
    ended.set(id, balance);
  }
  return { balance, index: 0 };
}
