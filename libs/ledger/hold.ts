/** The transaction of a batch of holds: lock and read the balances, decide one by one, write. */
import { plainArray, textArray } from './array-literal.ts';
import { type Balance, decideHold, type HoldDecision } from './decide.ts';
import { loadDefinitions } from './definitions.ts';
import { array, type Columns, forRows, insertion, plain, text } from './insert.ts';
import { formatInstant, parseInstant, toDate } from './instant.ts';
import { type Loaded, type LoadedBalance, lockAccounts, type Session } from './load.ts';
import { balancesOf, loadMembers, selectKnownMembers } from './members.ts';
import { shardOf } from './shard.ts';
import type { Program, Row, Statement } from './two-step.ts';
import type { HoldAnswer, HoldRequest, LimitView, Scope, Verdict, Window } from './types.ts';
import { amounts, updateBalances } from './write.ts';

/** A request with its decision, to be stored. */
type DecisionRow = {
  request: HoldRequest;
  /** With the stop that refused it, if one did: `stopped provider:openai`. */
  verdict: string;
  createdAt: number;
  expiresAt: number;
  decision: HoldDecision | null;
};

type Stop = { kind: string; target: string };

const STOPS: Statement = {
  name: 'ledger_stops',
  text: 'SELECT kind, target FROM ledger_read_stops()',
  values: [],
};

/** What a decision and its open hold both record. */
const SHARED_COLUMNS: Columns<DecisionRow> = {
  shard: plain('smallint', ({ request }) => shardOf(request.accountId)),
  id: plain('uuid', ({ request }) => request.id),
  account_id: plain('uuid', ({ request }) => request.accountId),
  user_id: plain('uuid', ({ request }) => request.userId),
  key_id: plain('uuid', ({ request }) => request.keyId),
  workspace_id: plain('uuid', ({ request }) => request.workspaceId),
  created_at: plain('timestamptz', ({ createdAt }) => formatInstant(createdAt)),
  expires_at: plain('timestamptz', ({ expiresAt }) => formatInstant(expiresAt)),
  meters: array('text', ({ request }) => textArray(Object.keys(request.meters))),
};

const DECISION_COLUMNS: Columns<DecisionRow> = {
  ...SHARED_COLUMNS,
  verdict: text(({ verdict }) => verdict),
  asked: array('bigint', ({ request }) => amounts(Object.values(request.meters))),
  counter_ids: array('bigint', ({ decision }) => amounts(decision?.seen.counters.map(({ id }) => id) ?? [])),
  seen_used: array('bigint', ({ decision }) => amounts(decision?.seen.used ?? [])),
  seen_held: array('bigint', ({ decision }) => amounts(decision?.seen.held ?? [])),
  seen_amount: array('bigint', ({ decision }) =>
    amounts(decision?.seen.counters.map(({ amount }) => amount) ?? []),
  ),
  binding_counter_id: plain('bigint', ({ decision }) => decision?.binding?.id ?? null),
  detail: text(({ request }) => request.detail),
};

const SHARED = Object.keys(SHARED_COLUMNS).join(', ');

/** Decisions, and the open holds of requests that are admitted. */
const insertDecisions = forRows<DecisionRow>(
  'ledger_decisions',
  DECISION_COLUMNS,
  `, d AS (${insertion('ledger_decisions', DECISION_COLUMNS)} RETURNING ${SHARED}, verdict, asked)
  INSERT INTO ledger_open_holds (${SHARED}, remaining, settled_calls) SELECT ${SHARED}, asked, '{}' FROM d WHERE verdict = 'ok'`,
);

const REPLAYS_SQL = `
  SELECT d.id, split_part(d.verdict, ' ', 1), d.expires_at, nullif(split_part(d.verdict, ' ', 2), ''), w.meter, w.win, w.scope,
         w.scope_id, w.kind, d.seen_amount[p.n], d.seen_used[p.n], d.seen_held[p.n],
         d.asked[array_position(d.meters, w.meter)], w.window_end, w.source
    FROM unnest($1::smallint[], $2::uuid[], $3::uuid[]) q(shard, id, account_id)
    JOIN ledger_decisions d ON d.shard = q.shard AND d.id = q.id AND d.account_id = q.account_id
   CROSS JOIN LATERAL (SELECT array_position(d.counter_ids, d.binding_counter_id) AS n) p
    LEFT JOIN ledger_windows w ON w.shard = d.shard AND w.id = d.binding_counter_id`;

/**
 * Decides a batch in the given order. The verdicts equal those of deciding one by one.
 *
 * @param findReplays whether ids may have been decided before. Without it, the transaction of a batch with such an id fails
 * with `unique_violation` and changes nothing, which saves all others the search.
 */
export function* holdProgram(
  session: Session,
  requests: readonly HoldRequest[],
  findReplays: boolean,
): Program<HoldAnswer[]> {
  const loaded: Loaded = yield* lockAccounts(
    session,
    requests.map(({ accountId }) => accountId),
    {
      before: [STOPS],
      after: findReplays ? [selectReplays(requests)] : [],
      members: selectKnownMembers(requests),
    },
  );
  yield* loadMembers(loaded, requests, true);
  yield* loadDefinitions(loaded);
  const stops = (loaded.before[0] as Row[]).map(([kind, target]) => ({ kind, target }) as Stop);
  const replays = new Map(loaded.after[0]?.map((row) => [row[0], toReplay(row, loaded.now)]));

  const rows: DecisionRow[] = [];
  const withoutTrace: HoldRequest[] = [];
  const changed = new Set<LoadedBalance>();
  const answers = requests.map((request): HoldAnswer => {
    const replay = replays.get(request.id);
    if (replay !== undefined) return replay;
    const expiresAt = loaded.now + request.ttlMs * 1_000;
    const answer = {
      replayed: false,
      expiresAt: toDate(expiresAt) as Date,
      msLeft: request.ttlMs,
      stop: null,
      limit: null,
    };
    const stop = stops.find((each) => covers(each, request));
    if (stop !== undefined) {
      const name = stop.target === '' ? stop.kind : `${stop.kind}:${stop.target}`;
      const verdict = `stopped ${name}`;
      rows.push({ request, verdict, createdAt: loaded.now, expiresAt, decision: null });
      return { ...answer, verdict: 'stopped', stop: name };
    }
    const account = loaded.accounts.get(request.accountId);
    if (account === undefined) {
      withoutTrace.push(request);
      return { ...answer, verdict: 'unknown_account' };
    }
    const balances = balancesOf(account, request) as LoadedBalance[];
    const decision = decideHold(request, balances satisfies Balance[], loaded.now);
    const row = { request, verdict: decision.verdict, createdAt: decision.createdAt, expiresAt, decision };
    if (decision.isStored) rows.push(row);
    else withoutTrace.push(request);
    if (decision.verdict === 'ok') for (const balance of balances) changed.add(balance);
    return { ...answer, verdict: decision.verdict, limit: decision.limit };
  });

  // An insert would fail for the others. A replay moves nothing, so its answer can take the place of the refusal.
  if (!findReplays && withoutTrace.length > 0) {
    const [known = []] = yield [selectReplays(withoutTrace)];
    for (const row of known)
      answers[requests.findIndex(({ id }) => id === row[0])] = toReplay(row, loaded.now);
  }

  const writes: Statement[] = [];
  if (rows.length > 0) writes.push(insertDecisions(rows));
  if (changed.size > 0) writes.push(updateBalances(changed));
  return { writes, result: answers };
}

function covers({ kind, target }: Stop, request: HoldRequest): boolean {
  if (kind === 'global') return true;
  if (kind === 'account') return target === request.accountId;
  if (kind === 'key') return target === request.keyId;
  return request.targets.includes(target);
}

function selectReplays(requests: readonly HoldRequest[]): Statement {
  const values = [
    plainArray(requests.map(({ accountId }) => shardOf(accountId))),
    plainArray(requests.map(({ id }) => id)),
    plainArray(requests.map(({ accountId }) => accountId)),
  ];
  return { name: 'ledger_replays', text: REPLAYS_SQL, values };
}

function toReplay(row: Row, now: number): HoldAnswer {
  const [, verdict, expiry, stop, ...limit] = row as (string | null)[];
  const expiresAt = parseInstant(expiry as string);
  return {
    verdict: verdict as Verdict,
    replayed: true,
    expiresAt: toDate(expiresAt) as Date,
    msLeft: Math.max(0, Math.floor((expiresAt - now) / 1_000)),
    stop: stop ?? null,
    limit: toLimitView(limit),
  };
}

function toLimitView(columns: readonly (string | null)[]): LimitView | null {
  const [meter, window, scope, scopeId, kind, amount, used, held, asked, end, source] = columns as string[];
  if (meter === undefined || meter === null) return null;
  return {
    meter,
    window: window as Window,
    scope: scope as Scope,
    scopeId: scopeId as string,
    kind: kind as LimitView['kind'],
    amount: amount === null ? null : BigInt(amount as string),
    used: BigInt(used as string),
    held: BigInt(held as string),
    asked: BigInt(asked ?? 0),
    resetsAt: toDate(parseInstant(end as string)),
    source: source as string,
  };
}
