/** The tables of the job queue, which graphile-worker owns: its migrations, and what service roles may do with them. */
import { Logger, runMigrations } from 'graphile-worker';
import pg from 'pg';
import { serviceRoles } from './roles.ts';

export const JOB_SCHEMA = 'graphile_worker';

const SILENT = new Logger(() => () => {});

/** Creates or upgrades the queue's tables. Call while holding the migration lock, with a login that may create them. */
export async function migrateJobSchema(connectionString: string): Promise<void> {
  const pool = new pg.Pool({ connectionString, max: 1, application_name: 'inkmeter-migrate-jobs' });
  // Without these listeners a broken connection would end the process; the failing statement reports it anyway.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await runMigrations({ pgPool: pool, schema: JOB_SCHEMA, logger: SILENT });
  } finally {
    await pool.end();
  }
}

/**
 * Lets every service role add jobs, run them and see their state. The tables have row level security, so each needs a
 * policy in addition to the grant. Every service sees all payloads: they carry ids, never secrets or content.
 */
export async function grantJobSchema(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string; secured: boolean }>(
    `SELECT c.oid::regclass::text AS name, c.relrowsecurity AS secured FROM pg_class c
      WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'v')`,
    [JOB_SCHEMA],
  );
  const roles = Object.values(serviceRoles)
    .map((role) => pg.escapeIdentifier(role))
    .join(', ');
  const statements = rows.flatMap(({ name, secured }) =>
    secured
      ? [
          `GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${roles}`,
          `DROP POLICY IF EXISTS services ON ${name}`,
          `CREATE POLICY services ON ${name} TO ${roles} USING (true) WITH CHECK (true)`,
        ]
      : [`GRANT SELECT ON ${name} TO ${roles}`],
  );
  await client.query([`GRANT USAGE ON SCHEMA ${JOB_SCHEMA} TO ${roles}`, ...statements].join(';\n'));
}
