import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Trial } from '../subscriptions/subscription-tx.ts';
import type { DueReminder } from './reminders.ts';

type Database = Pick<Pool, 'query'>;

/** Addresses of all who own the account, in the form in which one person has one. */
async function ownersOf(database: Database, accountId: string): Promise<string[]> {
  const { rows } = await database.query<{ email: string }>(
    `SELECT DISTINCT u.email_normalised AS email
       FROM memberships m JOIN users u ON u.id = m.user_id
      WHERE m.account_id = $1 AND m.role = 'owner'`,
    [accountId],
  );
  return rows.map(({ email }) => hashOf(email)).sort();
}

function hashOf(email: string): string {
  return createHash('sha256').update(email).digest('hex');
}

/**
 * Keeps a trial for good. Two accounts of one owner may try at the same instant: the unique rows let one of them win,
 * and owners are written in one order, so that they wait for each other and never in a circle.
 *
 * @returns false where the account or an owner has had one; the caller's transaction must then be given up.
 */
export async function insertTrial(client: PoolClient, trial: Trial): Promise<boolean> {
  const { id, accountId, catalogueVersionId, planKey, startedAt, endsAt } = trial;
  const kept = await client.query(
    `INSERT INTO trials (id, account_id, catalogue_version_id, plan_key, started_at, ends_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id) DO NOTHING`,
    [id, accountId, catalogueVersionId, planKey, startedAt, endsAt],
  );
  if (kept.rowCount === 0) return false;
  const owners = await ownersOf(client, accountId);
  const known = await client.query(
    `INSERT INTO trial_identities (email_hash, trial_id) SELECT o, $2 FROM unnest($1::text[]) o
     ON CONFLICT (email_hash) DO NOTHING`,
    [owners, id],
  );
  return known.rowCount === owners.length;
}

/** @returns the id of the trial that was running. */
export async function endTrial(client: PoolClient, accountId: string, at: Date): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    'UPDATE trials SET ended_at = $2 WHERE account_id = $1 AND ended_at IS NULL RETURNING id',
    [accountId, at],
  );
  return rows[0]?.id;
}

export async function convertTrial(client: PoolClient, accountId: string, at: Date): Promise<void> {
  await client.query('UPDATE trials SET converted_at = $2 WHERE account_id = $1 AND converted_at IS NULL', [
    accountId,
    at,
  ]);
}

export type TrialStore = {
  /** Whether the account, or one of its owners, has had a trial. */
  hasTried: (accountId: string) => Promise<boolean>;
  /** Running trials that end between `from` and `until`, and of which the account has not been told so. */
  unreminded: (query: {
    kind: DueReminder['kind'];
    daysBefore: number;
    from: Date;
    until: Date;
    limit: number;
  }) => Promise<Trial[]>;
};

export function createTrialStore(pool: Database): TrialStore {
  return {
    async hasTried(accountId) {
      const { rows } = await pool.query<{ tried: boolean }>(
        `SELECT EXISTS (SELECT FROM trials WHERE account_id = $1)
             OR EXISTS (SELECT FROM trial_identities WHERE email_hash = ANY ($2)) AS tried`,
        [accountId, await ownersOf(pool, accountId)],
      );
      return rows[0]?.tried ?? false;
    },
    async unreminded({ kind, daysBefore, from, until, limit }) {
      const { rows } = await pool.query<TrialRow>(
        `SELECT id, account_id, catalogue_version_id, plan_key, started_at, ends_at
           FROM trials t
          WHERE ended_at IS NULL AND ends_at > $1 AND ends_at <= $2
            -- A trial that is shorter than that has nothing to be reminded of so early.
            AND started_at < ends_at - make_interval(days => $3)
            AND NOT EXISTS (SELECT FROM billing_events e
                             WHERE e.account_id = t.account_id AND e.kind = $4 AND e.subject = t.id::text)
          ORDER BY ends_at LIMIT $5`,
        [from, until, daysBefore, kind, limit],
      );
      return rows.map(toTrial);
    },
  };
}

type TrialRow = {
  id: string;
  account_id: string;
  catalogue_version_id: string;
  plan_key: string;
  started_at: Date;
  ends_at: Date;
};

function toTrial(row: TrialRow): Trial {
  return {
    id: row.id,
    accountId: row.account_id,
    catalogueVersionId: row.catalogue_version_id,
    planKey: row.plan_key,
    startedAt: row.started_at,
    endsAt: row.ends_at,
  };
}
