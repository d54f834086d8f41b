import type { Pool } from 'pg';
import { NO_PROVIDER } from '#libs/ledger/quota-resources.ts';
import { type AccountStanding, readLimits, type StandingQuery } from '#libs/ledger/read-limits.ts';
import { shardOf } from '#libs/ledger/shard.ts';
import { dayOf, type ModelUsage, type ModelUsageQuery } from './domain.ts';

export type UsageStore = {
  /** Where the limits stand; undefined for an account without books. */
  standing: (query: StandingQuery, now: Date) => Promise<AccountStanding | undefined>;
  /** Usage by model from one day to another (both included), dearest first. */
  byModel: (query: ModelUsageQuery) => Promise<ModelUsage[]>;
  /** Whether the user belongs to the account. */
  isMember: (accountId: string, userId: string) => Promise<boolean>;
  /** The account a user joined first; for staff, who know users and not accounts. */
  accountOf: (userId: string) => Promise<string | undefined>;
};

type ModelRow = {
  provider: string;
  model: string;
  calls: bigint;
  errors: bigint;
  input_tokens: bigint;
  cache_read_tokens: bigint;
  cache_write_tokens: bigint;
  output_tokens: bigint;
  reasoning_tokens: bigint;
  cost_nano_usd: bigint;
  latency_ms: bigint;
};

const BY_MODEL_SQL = `
  SELECT provider, model, sum(calls)::bigint AS calls, sum(errors)::bigint AS errors,
         sum(input_tokens)::bigint AS input_tokens, sum(cache_read_tokens)::bigint AS cache_read_tokens,
         sum(cache_write_tokens)::bigint AS cache_write_tokens, sum(output_tokens)::bigint AS output_tokens,
         sum(reasoning_tokens)::bigint AS reasoning_tokens, sum(cost_nano_usd)::bigint AS cost_nano_usd,
         sum(latency_ms)::bigint AS latency_ms
    FROM usage_daily
   WHERE shard = $1 AND account_id = $2 AND day BETWEEN $3 AND $4 AND ($5::uuid IS NULL OR user_id = $5)
     AND provider <> '${NO_PROVIDER}'
   GROUP BY provider, model
   ORDER BY sum(cost_nano_usd) DESC, provider, model`;

/** Reads usage from the ledger's books and rollups. */
export function createUsageStore(pool: Pool): UsageStore {
  return {
    standing: (query, now) => readLimits(pool, now, query),
    async byModel({ accountId, userId, from, to }) {
      const { rows } = await pool.query<ModelRow>(BY_MODEL_SQL, [
        shardOf(accountId),
        accountId,
        dayOf(from),
        dayOf(to),
        userId,
      ]);
      return rows.map((row) => ({
        provider: row.provider,
        model: row.model,
        calls: row.calls,
        errors: row.errors,
        inputTokens: row.input_tokens,
        cacheReadTokens: row.cache_read_tokens,
        cacheWriteTokens: row.cache_write_tokens,
        outputTokens: row.output_tokens,
        reasoningTokens: row.reasoning_tokens,
        costNanoUsd: row.cost_nano_usd,
        latencyMs: row.latency_ms,
      }));
    },
    async isMember(accountId, userId) {
      const { rowCount } = await pool.query(
        'SELECT FROM memberships WHERE account_id = $1 AND user_id = $2',
        [accountId, userId],
      );
      return rowCount === 1;
    },
    async accountOf(userId) {
      const { rows } = await pool.query<{ account_id: string }>(
        'SELECT account_id FROM memberships WHERE user_id = $1 ORDER BY created_at, account_id LIMIT 1',
        [userId],
      );
      return rows[0]?.account_id;
    },
  };
}
