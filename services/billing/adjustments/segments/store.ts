import type { Pool, PoolClient } from 'pg';

/** The groups an account is in, by name. */
export async function readSegments(database: Pick<Pool, 'query'>, accountId: string): Promise<string[]> {
  const { rows } = await database.query<{ segment: string }>(
    'SELECT segment FROM account_segments WHERE account_id = $1 ORDER BY segment',
    [accountId],
  );
  return rows.map(({ segment }) => segment);
}

/** @returns the groups it was in before. */
export async function replaceSegments(
  client: PoolClient,
  accountId: string,
  segments: readonly string[],
): Promise<string[]> {
  const before = await readSegments(client, accountId);
  await client.query('DELETE FROM account_segments WHERE account_id = $1', [accountId]);
  await client.query(
    'INSERT INTO account_segments (account_id, segment) SELECT DISTINCT $1::uuid, s FROM unnest($2::text[]) s',
    [accountId, segments],
  );
  return before;
}
