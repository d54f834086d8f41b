/** Usage rows by the million, straight into the ledger's tables, as years of traffic would have left them. */
import pg from 'pg';
import { whole } from './report.ts';

const ROWS_PER_STATEMENT = 250_000;
/** Past months that the rows are spread over. */
const MONTHS = 5;

/**
 * One hold, one usage row and their share of the daily rollup for each number from $1 to $2 of $3, oldest first. Every
 * second one belongs to account $4, the others to a thousand more. Shards are those of `libs/ledger/shard.ts`.
 */
const FILL_SQL = `
WITH made AS MATERIALIZED (
  SELECT uuidv7(age) AS hold, now() + age AS at, account, get_byte(uuid_send(account), 15) % 64 AS shard,
         (ARRAY['gpt-4o-mini', 'gpt-4o', 'o4-mini'])[1 + n / 2 % 3] AS model, 150 + n % 100 AS input, 200 + n % 300 AS output,
         (1000000 + n % 300000)::bigint AS cost
    FROM (SELECT n, (n - $3::bigint) * interval '${MONTHS} months' / $3::bigint AS age,
                 CASE WHEN n % 2 = 0 THEN $4::uuid
                      ELSE ('00000000-0000-7000-8000-' || lpad(to_hex(n % 2000), 12, '0'))::uuid END AS account
            FROM generate_series($1::bigint, $2::bigint) n)),
holds AS (
  INSERT INTO ledger_decisions (shard, id, account_id, verdict, created_at, expires_at, meters, asked, counter_ids,
    seen_used, seen_held, seen_amount, detail)
  SELECT shard, hold, account, 'ok', at, at + interval '11 minutes', '{cost,tokens.total}', ARRAY[cost, input + output],
         '{1,2}', '{0,0}', '{0,0}', '{1,1}', '{"kind":"chat","calls":[]}'
    FROM made),
days AS (
  INSERT INTO usage_daily_totals AS t (shard, account_id, day, user_id, step, provider, model, calls, errors, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, latency_ms)
  SELECT shard, account, (at AT TIME ZONE 'UTC')::date, '00000000-0000-0000-0000-000000000000', 'chat', 'openai', model,
         count(*), 0, sum(input), 0, 0, sum(output), 0, sum(cost), count(*) * 900
    FROM made GROUP BY 1, 2, 3, 7
  ON CONFLICT ON CONSTRAINT usage_daily_totals_key DO UPDATE SET
    calls = t.calls + excluded.calls, input_tokens = t.input_tokens + excluded.input_tokens,
    output_tokens = t.output_tokens + excluded.output_tokens,
    cost_nano_usd = t.cost_nano_usd + excluded.cost_nano_usd,
    latency_ms = t.latency_ms + excluded.latency_ms)
INSERT INTO usage_events (shard, hold_id, call_index, account_id, admitted_at, occurred_at, step, provider, model,
  endpoint, status, usage_source, late, overrun, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
  reasoning_tokens, other_classes, other_amounts, input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd,
  price_version, latency_ms, first_byte_ms, attempts, request_bytes, response_bytes, meters, amounts)
SELECT shard, hold, 0, account, at, at + interval '1 second', 'chat', 'openai', model, 'chat.completions', 'ok',
       'provider', false, false, input, 0, 0, output, 0, '{}', '{}', cost / 4, cost - cost / 4, cost, 'bench', 900, 200, 1,
       400, 1200, '{cost,tokens.total}', ARRAY[cost, input + output]
  FROM made`;

/** Adds that many rows, half of them for one account. @param say takes what happens, for someone who waits. */
export async function addUsageRows(
  databaseUrl: string,
  accountId: string,
  count: number,
  say: (line: string) => void,
): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(
      'SELECT ledger_ensure_partitions((now() - make_interval(months => $1))::date, $1 + 2)',
      [MONTHS],
    );
    for (let at = 0; at < count; at += ROWS_PER_STATEMENT) {
      const end = Math.min(count, at + ROWS_PER_STATEMENT);
      await client.query(FILL_SQL, [at + 1, end, count, accountId]);
      if (end < count) say(`${whole(end)} of ${whole(count)} rows added`);
    }
    say(`${whole(count)} rows added; vacuuming`);
    // the work of autovacuum and the checkpointer in that time
    for (const table of ['usage_events', 'ledger_decisions', 'usage_daily_totals'])
      await client.query(`VACUUM ANALYZE ${table}`);
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}
