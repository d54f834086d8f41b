import { drizzle } from 'drizzle-orm/node-postgres';
import type { Pool, PoolClient } from 'pg';
import type { AuditEntry, AuditState } from '#libs/audit/entry.ts';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { notify } from '#libs/db/notify.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { FlagRecord } from './domain.ts';

type FlagRow = Omit<FlagRecord, 'updatedAt'> & { updated_at: Date };

/** What goes on record beside the flag's states before and after, which the store knows. */
export type FlagAudit = Pick<AuditEntry, 'id' | 'at' | 'by' | 'reason'>;

export type FlagStore = {
  list: () => Promise<FlagRecord[]>;
  find: (key: string) => Promise<FlagRecord | undefined>;
  /** Makes the flag or replaces it; every service is told when it commits. */
  put: (flag: FlagRecord, audit: FlagAudit) => Promise<'created' | 'replaced'>;
  /** @returns whether there was such a flag. */
  remove: (key: string, audit: FlagAudit) => Promise<boolean>;
};

const COLUMNS = 'key, description, feature, enabled, rules, author, updated_at';

export function createFlagStore(pool: Pool): FlagStore {
  return {
    async list() {
      const { rows } = await pool.query<FlagRow>(`SELECT ${COLUMNS} FROM feature_flags ORDER BY key`);
      return rows.map(toRecord);
    },
    find: (key) => find(pool, key),
    put: (flag, audit) =>
      transaction(pool, async (client) => {
        await lock(client, flag.key);
        const before = await find(client, flag.key);
        await client.query(
          `INSERT INTO feature_flags (${COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (key) DO UPDATE SET
             description = excluded.description, feature = excluded.feature, enabled = excluded.enabled,
             rules = excluded.rules, author = excluded.author, updated_at = excluded.updated_at`,
          [
            flag.key,
            flag.description,
            flag.feature,
            flag.enabled,
            JSON.stringify(flag.rules),
            flag.author,
            flag.updatedAt,
          ],
        );
        await recordAudit(drizzle(client), {
          ...audit,
          action: 'flag.set',
          subject: `flag:${flag.key}`,
          accountId: null,
          before: stateOf(before),
          after: stateOf(flag),
        });
        await notify(client, { kind: 'flag', id: flag.key });
        return before === undefined ? 'created' : 'replaced';
      }),
    remove: (key, audit) =>
      transaction(pool, async (client) => {
        await lock(client, key);
        const before = await find(client, key);
        if (before === undefined) return false;
        await client.query('DELETE FROM feature_flags WHERE key = $1', [key]);
        await recordAudit(drizzle(client), {
          ...audit,
          action: 'flag.removed',
          subject: `flag:${key}`,
          accountId: null,
          before: stateOf(before),
          after: null,
        });
        await notify(client, { kind: 'flag', id: key });
        return true;
      }),
  };
}

/** Serialises changes of one flag, also of one that has no row yet to lock. */
async function lock(client: PoolClient, key: string): Promise<void> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('flag ' || $1, 0))`, [key]);
}

async function find(database: Pick<Pool, 'query'>, key: string): Promise<FlagRecord | undefined> {
  const { rows } = await database.query<FlagRow>(`SELECT ${COLUMNS} FROM feature_flags WHERE key = $1`, [
    key,
  ]);
  return rows[0] && toRecord(rows[0]);
}

function toRecord({ updated_at: updatedAt, ...row }: FlagRow): FlagRecord {
  return { ...row, updatedAt };
}

function stateOf(flag: FlagRecord | undefined): AuditState {
  if (flag === undefined) return null;
  const { description, feature, enabled, rules } = flag;
  return { description, feature, enabled, rules };
}
