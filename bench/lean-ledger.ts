/**
 * The rows of a metered call without any decision: the rows that the ledger writes for a hold and for the settlement that
 * closes it, with the same width, in the leanest batch statement. Limits, thresholds, stops, repeats and daily sums are
 * left out. A ledger that keeps these rows cannot cost less.
 *
 * Every call is one unit of every meter and one nano-USD, so that the balances add up.
 */
import { randomUUIDv7 } from 'node:crypto';
import type { Pool } from 'pg';
import { createGroupCommit } from '#libs/ledger/group-commit.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { CHAT_PLAN } from './chat-plan.ts';

export type LeanLedger = {
  /** @returns the hold's id. */
  hold: (accountId: string) => Promise<string>;
  settle: (accountId: string, holdId: string) => Promise<void>;
};

/** Settings of the connections: rows are reached by key, in the order of the parameters. */
const PLANS = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
];

/** The address of a database for the connections of {@link createLeanLedger}. */
export function leanConnection(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  url.searchParams.set('options', PLANS.map((setting) => `-c ${setting}`).join(' '));
  return url.href;
}

/** Parameters of both: shards, accounts and their counts of calls; then the account's position and the id of each hold. */
const moveBalances = (assignments: string) => `UPDATE ledger_balances b SET ${assignments}
    FROM unnest($1::smallint[], $2::uuid[], $3::integer[]) q(shard, account, n)
   WHERE b.shard = q.shard AND b.account_id = q.account AND b.scope = 'account' AND b.scope_id = ''`;

const DETAIL = JSON.stringify(CHAT_PLAN).replaceAll("'", "''");
const FOUR = `'{1000000,2000000,3000000,4000000}'::bigint[]`;
const METERS = `'{cost,tokens.total,calls.openai,api.requests}'::text[]`;
const UNITS = `'{1,1,1,1}'::bigint[]`;

const HOLD = `WITH balances AS (${moveBalances('held = ARRAY(SELECT h + q.n FROM unnest(b.held) h)')}),
  opened AS (
    INSERT INTO ledger_open_holds (shard, id, account_id, key_id, created_at, expires_at, meters, remaining, settled_calls)
    SELECT ($1::smallint[])[i.k], i.id, ($2::uuid[])[i.k], ($2::uuid[])[i.k], now(), now() + interval '11 minutes',
           ${METERS}, ${UNITS}, '{}'
      FROM unnest($4::integer[], $5::uuid[]) i(k, id))
  INSERT INTO ledger_decisions (shard, id, account_id, key_id, verdict, created_at, expires_at, meters, asked, counter_ids,
                                seen_used, seen_held, seen_amount, binding_counter_id, detail)
  SELECT ($1::smallint[])[i.k], i.id, ($2::uuid[])[i.k], ($2::uuid[])[i.k], 'ok', now(), now() + interval '11 minutes',
         ${METERS}, ${UNITS}, ${FOUR}, ${FOUR}, ${FOUR}, ${FOUR}, 1000000, '${DETAIL}'
    FROM unnest($4::integer[], $5::uuid[]) i(k, id)`;

const SETTLE = `WITH balances AS (${moveBalances(`used = ARRAY(SELECT u + q.n FROM unnest(b.used) u),
      held = ARRAY(SELECT h - q.n FROM unnest(b.held) h)`)}),
  closed AS (
    DELETE FROM ledger_open_holds h USING unnest($4::integer[], $5::uuid[]) i(k, id)
     WHERE h.shard = ($1::smallint[])[i.k] AND h.id = i.id
    RETURNING h.shard, h.id, h.account_id, h.key_id, h.created_at)
  INSERT INTO usage_events (shard, hold_id, call_index, account_id, key_id, admitted_at, occurred_at, step, provider, model,
    endpoint, status, usage_source, late, overrun, input_tokens, output_tokens, other_classes, other_amounts,
    input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, price_version, latency_ms, attempts, request_bytes,
    response_bytes, provider_request_id, meters, amounts)
  SELECT c.shard, c.id, 0, c.account_id, c.key_id, c.created_at, now(), 'chat', 'openai', 'gpt-4o-mini',
         'chat.completions', 'ok', 'provider', false, false, 20, 30, '{}', '{}', 1, 0, 1, 'bench', 12, 1, 500, 700,
         'chatcmpl-bench', ${METERS}, ${UNITS} FROM closed c`;

type Item = { accountId: string; holdId: string };

function parametersOf(items: readonly Item[]): string[] {
  const counts = new Map<string, number>();
  for (const { accountId } of items) counts.set(accountId, (counts.get(accountId) ?? 0) + 1);
  const accounts = [...counts.keys()].sort(
    (one, other) => shardOf(one) - shardOf(other) || (one < other ? -1 : 1),
  );
  const positions = new Map(accounts.map((id, index) => [id, index + 1]));
  const columns = [
    accounts.map(shardOf),
    accounts,
    accounts.map((id) => counts.get(id)),
    items.map(({ accountId }) => positions.get(accountId)),
    items.map(({ holdId }) => holdId),
  ];
  return columns.map((values) => `{${values.join(',')}}`);
}

/** @param pool of its own, to {@link leanConnection}: one connection for holds and one for settlements. */
export function createLeanLedger(pool: Pool): LeanLedger {
  const writer = (name: string, text: string) =>
    createGroupCommit<Item, void>({
      run: async (items) => {
        const { rowCount } = await pool.query({ name, text, values: parametersOf(items) });
        if (rowCount !== items.length) throw new Error(`${name} wrote ${rowCount} of ${items.length} rows`);
        return items.map(() => undefined);
      },
      key: ({ holdId }) => holdId,
      maxBatch: 128,
      maxWaiting: 10_000,
    });
  const holds = writer('lean_hold', HOLD);
  const settles = writer('lean_settle', SETTLE);
  return {
    async hold(accountId) {
      const holdId = randomUUIDv7();
      await holds.submit({ accountId, holdId });
      return holdId;
    },
    settle: (accountId, holdId) => settles.submit({ accountId, holdId }),
  };
}
