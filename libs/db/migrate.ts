import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import pg from 'pg';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { applyFunctions } from './functions.ts';
import { grantServiceRoles } from './grants.ts';
import { migrateJobSchema } from './job-schema.ts';
import { ensureServiceRoles } from './roles.ts';
import { assertServerVersion } from './server-version.ts';

export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Every version of this program must use the same number. */
const LOCK_KEY = 4_650_713;

/** Drizzle's own bookkeeping, so that its tools see what has been applied. */
const RECORDS_SQL = `
  CREATE SCHEMA IF NOT EXISTS drizzle;
  CREATE TABLE IF NOT EXISTS drizzle.__drizzle_migrations (
    id serial PRIMARY KEY,
    hash text NOT NULL,
    created_at bigint)`;

const DROPS_VIEW_OR_FUNCTION = /DROP (VIEW|FUNCTION)/i;

const LOCK_TIMEOUT_MS = 500;
const RETRY_PAUSE_MS = 250;
const MAX_ATTEMPTS = 100;
/** deadlock_detected, lock_not_available */
const LOCK_CONFLICTS: ReadonlySet<string | undefined> = new Set(['40P01', '55P03']);

export type MigrateOptions = {
  /** A login that owns the schema and may create roles. */
  connectionString: string;
  /** Migrations and functions in the layout of `migrations/`, which is the default. */
  folder?: string;
};

type Migration = { tag: string; sql: string[]; hash: string; folderMillis: number };

/**
 * Creates the service roles and the job queue's schema, then applies pending migrations, the SQL functions and the grants.
 * Safe to run from several places at once: one does the work, the others wait and find nothing to do.
 *
 * A new database gets everything in one transaction. In one that is in use, each migration has its own, so that requests wait
 * for locks on few tables and not for long. One that drops a view or function shares it with all that follow and with the
 * functions, which restore it.
 *
 * @throws Error when the database cannot be reached, is older than 18.4, or rejects a statement, whose transaction is undone.
 */
export async function migrate({
  connectionString,
  folder = migrationsFolder,
}: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString, application_name: 'inkmeter-migrate' });
  await client.connect();
  try {
    await assertServerVersion(client);
    // A session lock: the server frees it even when this process is killed.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK_KEY]);
    await ensureServiceRoles(client);
    // The job queue's package migrates its own schema, on a connection of its own.
    await migrateJobSchema(connectionString);
    const { pending, isInUse } = await readPending(client, folder);
    const firstDrop = pending.findIndex(({ sql }) => sql.some((text) => DROPS_VIEW_OR_FUNCTION.test(text)));
    const alone = isInUse ? pending.slice(0, firstDrop < 0 ? undefined : firstDrop) : [];
    for (const migration of alone) await inTransaction(client, () => applyMigration(client, migration));
    await inTransaction(client, async () => {
      await client.query(RECORDS_SQL);
      for (const migration of pending.slice(alone.length)) await applyMigration(client, migration);
      await applyFunctions(client, path.join(folder, 'functions'));
      if (!isInUse) await grantServiceRoles(client);
    });
    if (isInUse) await inTransaction(client, () => grantServiceRoles(client));
  } finally {
    // Rolls back a transaction that has not committed.
    await client.end();
  }
}

/**
 * A statement that waits for a lock blocks all requests that come after it, so it gives up soon, and the transaction is tried
 * again. A deadlock with requests is resolved in the same way.
 */
async function inTransaction(client: pg.Client, run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    try {
      await run();
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK');
      if (!isLockConflict(error) || attempt === MAX_ATTEMPTS) throw error;
      await delay(RETRY_PAUSE_MS);
    }
  }
}

/** A migration's error has the server's as its cause. */
function isLockConflict(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof pg.DatabaseError && LOCK_CONFLICTS.has(cause.code);
}

/**
 * Drizzle's migrator opens and commits a transaction of its own, and skips a migration that is dated before the last one
 * applied. This one reads every migration that is not recorded.
 */
async function readPending(
  client: pg.Client,
  folder: string,
): Promise<{ pending: Migration[]; isInUse: boolean }> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    `SELECT to_regclass('drizzle.__drizzle_migrations') IS NOT NULL AS exists`,
  );
  const records = found[0]?.exists ? 'SELECT created_at FROM drizzle.__drizzle_migrations' : null;
  const { rows } = records === null ? { rows: [] } : await client.query<{ created_at: string }>(records);
  const applied = new Set(rows.map((row) => Number(row.created_at)));
  const journal = JSON.parse(readFileSync(path.join(folder, 'meta/_journal.json'), 'utf8')) as {
    entries: { tag: string }[];
  };
  const pending = readMigrationFiles({ migrationsFolder: folder })
    .map((migration, index) => ({ ...migration, tag: `${journal.entries[index]?.tag}` }))
    .filter(({ folderMillis }) => !applied.has(folderMillis));
  return { pending, isInUse: applied.size > 0 };
}

async function applyMigration(client: pg.Client, { tag, sql, hash, folderMillis }: Migration): Promise<void> {
  for (const statement of sql) {
    await client.query(statement).catch((error) => explain(error, tag, statement));
  }
  await client.query('INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ($1, $2)', [
    hash,
    folderMillis,
  ]);
}

/** Adds the migration and the line at which PostgreSQL stopped to the message. */
function explain(error: unknown, migration: string, statement: string): never {
  if (!(error instanceof pg.DatabaseError)) throw error;
  const start = error.position === undefined ? 0 : Number(error.position) - 1;
  const line = statement.slice(statement.lastIndexOf('\n', start) + 1).split('\n', 1)[0];
  throw new Error(`Migration ${migration} failed: ${error.message}, in the line "${line?.trim()}"`, {
    cause: error,
  });
}

if (import.meta.main) {
  loadDotEnv();
  const { DATABASE_URL: connectionString } = processEnv();
  if (!connectionString) throw new Error('Set DATABASE_URL to the database to migrate.');
  await migrate({ connectionString });
}
