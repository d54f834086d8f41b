import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import pg from 'pg';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { applyFunctions } from './functions.ts';
import { grantServiceRoles } from './grants.ts';
import { migrateJobSchema } from './job-schema.ts';
import { ensureServiceRoles } from './roles.ts';

export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Every version of this program must use the same number. */
const LOCK_KEY = 4_650_713;

/** 18.0 to 18.3 can lose rows in an UPDATE of several rows after a concurrent change. */
const MIN_SERVER_VERSION = { number: 180_004, name: '18.4' };

/** Drizzle's own bookkeeping, so that its tools see what has been applied. */
const RECORDS_SQL = `
  CREATE SCHEMA IF NOT EXISTS drizzle;
  CREATE TABLE IF NOT EXISTS drizzle.__drizzle_migrations (
    id serial PRIMARY KEY,
    hash text NOT NULL,
    created_at bigint)`;

export type MigrateOptions = {
  /** A login that owns the schema and may create roles. */
  connectionString: string;
  /** Migrations and functions in the layout of `migrations/`, which is the default. */
  folder?: string;
};

/**
 * Creates the service roles and the job queue's schema, then applies pending migrations, the SQL functions and the grants
 * in one transaction.
 * Safe to run from several places at once: one does the work, the others wait and find nothing to do.
 *
 * @throws Error when the database cannot be reached, is older than 18.4, or rejects a statement. Nothing is applied then.
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
    await client.query('BEGIN');
    await applyMigrations(client, folder);
    await applyFunctions(client, path.join(folder, 'functions'));
    await grantServiceRoles(client);
    await client.query('COMMIT');
  } finally {
    // Rolls back a transaction that has not committed.
    await client.end();
  }
}

/** @throws Error when the server is older than Inkmeter supports. */
export async function assertServerVersion(client: Pick<pg.Client, 'query'>): Promise<void> {
  const { rows } = await client.query<{ number: string; name: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS name`,
  );
  const [version] = rows;
  if (version !== undefined && Number(version.number) >= MIN_SERVER_VERSION.number) return;
  throw new Error(
    `Inkmeter requires PostgreSQL ${MIN_SERVER_VERSION.name} or later; this server is ${version?.name}. ` +
      'Earlier versions can lose rows in an UPDATE of several rows.',
  );
}

/**
 * Drizzle's migrator opens and commits a transaction of its own, and skips a migration that is dated before the last one
 * applied. This one runs in the caller's transaction and applies every migration that is not recorded.
 */
async function applyMigrations(client: pg.Client, folder: string): Promise<void> {
  await client.query(RECORDS_SQL);
  const { rows } = await client.query<{ created_at: string }>(
    'SELECT created_at FROM drizzle.__drizzle_migrations',
  );
  const applied = new Set(rows.map((row) => Number(row.created_at)));
  const journal = JSON.parse(readFileSync(path.join(folder, 'meta/_journal.json'), 'utf8')) as {
    entries: { tag: string }[];
  };
  for (const [index, migration] of readMigrationFiles({ migrationsFolder: folder }).entries()) {
    if (applied.has(migration.folderMillis)) continue;
    for (const statement of migration.sql) {
      await client
        .query(statement)
        .catch((error) => explain(error, `${journal.entries[index]?.tag}`, statement));
    }
    await client.query('INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ($1, $2)', [
      migration.hash,
      migration.folderMillis,
    ]);
  }
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
