import type { Pool, PoolClient } from 'pg';
import type { Rollout } from './rollouts.ts';

type RolloutRow = {
  id: string;
  kind: Rollout['kind'];
  subject: string;
  migration: Rollout['migration'];
  state: Rollout['state'];
  accounts_total: number;
  accounts_done: number;
  accounts_failed: number;
  last_account_id: string | null;
  author: string;
  created_at: Date;
  finished_at: Date | null;
};

const COLUMNS = `id, kind, subject, migration, state, accounts_total, accounts_done, accounts_failed,
  last_account_id, author, created_at, finished_at`;

/** A process that has not been heard of for so long is taken for lost. */
const LEASE_MS = 30_000;

/** The accounts a rollout has to reach: for a catalogue, those that are, or are to be, on another version. */
const AFFECTED = `
  ($1 = 'guard_rail' OR catalogue_version_id::text <> $2 OR scheduled_change->>'catalogue_version_id' <> $2)`;

export type NewRollout = Pick<Rollout, 'id' | 'kind' | 'subject' | 'migration' | 'author' | 'createdAt'>;

export type RolloutStore = {
  find: (id: string) => Promise<Rollout | undefined>;
  /** The last one of a kind that was begun. */
  latest: (kind: Rollout['kind']) => Promise<Rollout | undefined>;
  /** Takes the oldest one that nobody works on. */
  claim: (now: Date) => Promise<Rollout | undefined>;
  nextAccounts: (rollout: Rollout, after: string | null, limit: number) => Promise<string[]>;
  advance: (
    id: string,
    now: Date,
    step: { done: number; failed: number; lastAccountId: string },
  ) => Promise<boolean>;
  finish: (id: string, now: Date) => Promise<void>;
  release: (id: string, now: Date) => Promise<void>;
};

export function createRolloutStore(pool: Pool): RolloutStore {
  const one = async (sql: string, values: unknown[]) => {
    const { rows } = await pool.query<RolloutRow>(sql, values);
    return rows[0] && toRollout(rows[0]);
  };
  return {
    find: (id) => one(`SELECT ${COLUMNS} FROM rollouts WHERE id = $1`, [id]),
    latest: (kind) =>
      one(`SELECT ${COLUMNS} FROM rollouts WHERE kind = $1 ORDER BY created_at DESC, id DESC LIMIT 1`, [
        kind,
      ]),
    claim: (now) =>
      one(
        `UPDATE rollouts SET lease_until = $2
          WHERE id = (SELECT id FROM rollouts WHERE state = 'running' AND lease_until <= $1
                       ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING ${COLUMNS}`,
        [now, leaseFrom(now)],
      ),
    async nextAccounts({ kind, subject }, after, limit) {
      const { rows } = await pool.query<{ account_id: string }>(
        `SELECT account_id FROM subscriptions
          WHERE ${AFFECTED} AND ($3::uuid IS NULL OR account_id > $3) ORDER BY account_id LIMIT $4`,
        [kind, subject, after, limit],
      );
      return rows.map(({ account_id }) => account_id);
    },
    async advance(id, now, { done, failed, lastAccountId }) {
      const { rowCount } = await pool.query(
        `UPDATE rollouts
            SET accounts_done = accounts_done + $2, accounts_failed = accounts_failed + $3, last_account_id = $4,
                lease_until = $5
          WHERE id = $1 AND state = 'running'`,
        [id, done, failed, lastAccountId, leaseFrom(now)],
      );
      return rowCount === 1;
    },
    async finish(id, now) {
      await pool.query(
        `UPDATE rollouts SET state = 'done', finished_at = $2 WHERE id = $1 AND state = 'running'`,
        [id, now],
      );
    },
    async release(id, now) {
      await pool.query(`UPDATE rollouts SET lease_until = $2 WHERE id = $1 AND state = 'running'`, [id, now]);
    },
  };
}

/** Begins a pass, which takes over from one of its kind that is still under way. */
export async function startRollout(client: PoolClient, rollout: NewRollout): Promise<Rollout> {
  const { id, kind, subject, migration, author, createdAt } = rollout;
  await client.query(
    `UPDATE rollouts SET state = 'superseded', finished_at = $2 WHERE kind = $1 AND state = 'running'`,
    [kind, createdAt],
  );
  const { rows } = await client.query<RolloutRow>(
    `INSERT INTO rollouts (id, kind, subject, migration, state, accounts_total, accounts_done, accounts_failed,
                           author, created_at, finished_at, lease_until)
     SELECT $3, $1, $2, $4, CASE WHEN n = 0 THEN 'done' ELSE 'running' END, n, 0, 0, $5, $6,
            CASE WHEN n = 0 THEN $6::timestamptz END, $6
       FROM (SELECT count(*)::integer AS n FROM subscriptions
              WHERE ${AFFECTED} AND $4::text IS DISTINCT FROM 'grandfather') affected
     RETURNING ${COLUMNS}`,
    [kind, subject, id, migration, author, createdAt],
  );
  return toRollout(rows[0] as RolloutRow);
}

function leaseFrom(now: Date): Date {
  return new Date(now.getTime() + LEASE_MS);
}

function toRollout(row: RolloutRow): Rollout {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    migration: row.migration,
    state: row.state,
    accountsTotal: row.accounts_total,
    accountsDone: row.accounts_done,
    accountsFailed: row.accounts_failed,
    lastAccountId: row.last_account_id,
    author: row.author,
    createdAt: row.created_at,
    finishedAt: row.finished_at,
  };
}
