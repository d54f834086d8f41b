import type { Pool, PoolClient } from 'pg';
import type { OverrideRecord } from './domain.ts';

type OverrideRow = {
  id: string;
  account_id: string;
  terms: OverrideRecord['terms'];
  reason: string;
  author: string;
  valid_from: Date;
  valid_until: Date | null;
  created_at: Date;
  ended_at: Date | null;
  ended_by: string | null;
};

const COLUMNS = `id, account_id, terms, reason, author, valid_from, valid_until, created_at, ended_at, ended_by`;
const MAX_LISTED = 500;

export type OverrideStore = {
  /** Newest first. */
  list: (accountId: string) => Promise<OverrideRecord[]>;
  find: (accountId: string, id: string) => Promise<OverrideRecord | undefined>;
};

export function createOverrideStore(pool: Pick<Pool, 'query'>): OverrideStore {
  return {
    async list(accountId) {
      const { rows } = await pool.query<OverrideRow>(
        `SELECT ${COLUMNS} FROM account_overrides WHERE account_id = $1 ORDER BY id DESC LIMIT ${MAX_LISTED}`,
        [accountId],
      );
      return rows.map(toRecord);
    },
    async find(accountId, id) {
      const { rows } = await pool.query<OverrideRow>(
        `SELECT ${COLUMNS} FROM account_overrides WHERE account_id = $1 AND id = $2`,
        [accountId, id],
      );
      return rows[0] && toRecord(rows[0]);
    },
  };
}

export async function insertOverride(client: PoolClient, record: OverrideRecord): Promise<void> {
  await client.query(
    `INSERT INTO account_overrides (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      record.id,
      record.accountId,
      record.terms,
      record.reason,
      record.author,
      record.from,
      record.until,
      record.createdAt,
      record.endedAt,
      record.endedBy,
    ],
  );
}

/** How many of an account's overrides are in force or still to come. */
export async function countOverrides(client: PoolClient, accountId: string, now: Date): Promise<number> {
  const { rows } = await client.query<{ n: number }>(
    `SELECT count(*)::integer AS n FROM account_overrides
      WHERE account_id = $1 AND ended_at IS NULL AND (valid_until IS NULL OR valid_until > $2)`,
    [accountId, now],
  );
  return rows[0]?.n ?? 0;
}

/** @returns the override as it was, or undefined where somebody had ended it already. */
export async function endOverride(
  client: PoolClient,
  { id, accountId, at, by }: { id: string; accountId: string; at: Date; by: string },
): Promise<OverrideRecord | undefined> {
  const { rows } = await client.query<OverrideRow>(
    `UPDATE account_overrides SET ended_at = $3, ended_by = $4
      WHERE id = $1 AND account_id = $2 AND ended_at IS NULL RETURNING ${COLUMNS}`,
    [id, accountId, at, by],
  );
  return rows[0] && toRecord(rows[0]);
}

function toRecord(row: OverrideRow): OverrideRecord {
  return {
    id: row.id,
    accountId: row.account_id,
    terms: row.terms,
    reason: row.reason,
    author: row.author,
    from: row.valid_from,
    until: row.valid_until,
    createdAt: row.created_at,
    endedAt: row.ended_at,
    endedBy: row.ended_by,
  };
}
