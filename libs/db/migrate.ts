import { fileURLToPath } from 'node:url';
import { DrizzleQueryError } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate as applyMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { grantServiceRoles } from './grants.ts';
import { migrateJobSchema } from './job-schema.ts';
import { ensureServiceRoles } from './roles.ts';

export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Any fixed number will do, as long as every version of this program uses the same. */
const LOCK_KEY = 4_650_713;

export type MigrateOptions = {
  /** A login that owns the schema and may create roles. */
  connectionString: string;
};

/** Puts the place where PostgreSQL stopped into the message, instead of the whole migration that Drizzle quotes. */
function explain(error: unknown): never {
  if (!(error instanceof DrizzleQueryError) || !(error.cause instanceof pg.DatabaseError)) throw error;
  const { message, position } = error.cause;
  const start = position === undefined ? 0 : Number(position) - 1;
  const line = error.query.slice(error.query.lastIndexOf('\n', start) + 1).split('\n', 1)[0];
  throw new Error(`A migration failed: ${message}, in the line "${line?.trim()}"`, { cause: error.cause });
}

/** Drizzle passes over a migration that is dated before the last one applied, without a word. */
async function refuseSkipped(client: pg.Client): Promise<void> {
  const applied = await client.query('select from drizzle.__drizzle_migrations');
  const skipped = readMigrationFiles({ migrationsFolder }).length - (applied.rowCount ?? 0);
  if (skipped > 0)
    throw new Error(`${skipped} migration(s) were skipped: their dates in the journal are out of order.`);
}

/**
 * Creates the service roles, applies all pending migrations in one transaction, and grants each role what it needs.
 * Safe to run from several places at once: one does the work, the others wait and find nothing to do.
 *
 * @throws Error when the database cannot be reached or a migration fails; nothing is applied then.
 */
export async function migrate({ connectionString }: MigrateOptions): Promise<void> {
  const client = new pg.Client({ connectionString, application_name: 'inkmeter-migrate' });
  await client.connect();
  try {
    // Held by the session, so it is freed even when this process is killed.
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await ensureServiceRoles(client);
    await applyMigrations(drizzle(client), { migrationsFolder }).catch(explain);
    await refuseSkipped(client);
    await migrateJobSchema(connectionString);
    await grantServiceRoles(client);
  } finally {
    await client.end();
  }
}

if (import.meta.main) {
  loadDotEnv();
  const { DATABASE_URL: connectionString } = processEnv();
  if (!connectionString) throw new Error('Set DATABASE_URL to the database to migrate.');
  await migrate({ connectionString });
}
