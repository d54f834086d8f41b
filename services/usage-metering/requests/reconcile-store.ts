import type { Database } from '#libs/db/database.ts';
import type { ExportTokens } from './domain/provider-export.ts';
import type { RecordedUsage } from './domain/reconciliation.ts';

/**
 * Sums by day and model, with corrections. Calls of unknown outcome that have none are listed instead. Drizzle cannot
 * aggregate with filters.
 */
const RECORDED_SQL = `
  WITH calls AS (
    SELECT (e.admitted_at AT TIME ZONE 'UTC')::date::text AS day, e.model, e.hold_id, e.call_index,
           coalesce(e.input_tokens, 0) AS input, coalesce(e.cache_read_tokens, 0) AS cache_read,
           coalesce(e.cache_write_tokens, 0)
             + coalesce(e.other_amounts[array_position(e.other_classes, 'cache_write_1h')], 0) AS cache_write,
           coalesce(e.output_tokens, 0) + coalesce(e.reasoning_tokens, 0) AS output,
           e.usage_source = 'bound' AND e.call_index >= 0 AND NOT EXISTS (
             SELECT FROM usage_events c
              WHERE c.account_id = e.account_id AND c.admitted_at = e.admitted_at AND c.hold_id = e.hold_id
                AND c.call_index = -1 - e.call_index AND c.shard = e.shard) AS is_unresolved
      FROM usage_events e
     WHERE e.provider = $1 AND e.admitted_at >= $2::date::timestamp AT TIME ZONE 'UTC'
       AND e.admitted_at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC')
  SELECT day, model, count(*) FILTER (WHERE call_index >= 0 AND NOT is_unresolved)::int AS calls,
         coalesce(sum(input) FILTER (WHERE NOT is_unresolved), 0)::float8 AS input,
         coalesce(sum(cache_read) FILTER (WHERE NOT is_unresolved), 0)::float8 AS cache_read,
         coalesce(sum(cache_write) FILTER (WHERE NOT is_unresolved), 0)::float8 AS cache_write,
         coalesce(sum(output) FILTER (WHERE NOT is_unresolved), 0)::float8 AS output,
         coalesce(json_agg(json_build_object('id', hold_id || '.' || call_index, 'bound', json_build_object(
           'input', input, 'cache_read', cache_read, 'cache_write', cache_write, 'output', output)))
           FILTER (WHERE is_unresolved), '[]') AS unresolved
    FROM calls GROUP BY day, model ORDER BY day, model`;

type Row = ExportTokens & Pick<RecordedUsage, 'day' | 'model' | 'calls' | 'unresolved'>;

/** What was recorded of a provider's calls that were admitted on these days, both included. */
export async function listRecordedUsage(
  database: Database,
  provider: string,
  { first, last }: { first: string; last: string },
): Promise<RecordedUsage[]> {
  const { rows } = await database.$client.query<Row>(RECORDED_SQL, [provider, first, last]);
  return rows.map(({ day, model, calls, unresolved, input, cache_read, cache_write, output }) => ({
    ...{ day, model, calls, unresolved },
    tokens: { input, cache_read, cache_write, output },
  }));
}
