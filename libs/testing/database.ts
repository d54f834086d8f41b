import { createHash, randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { migrate, migrationsFolder } from '#libs/db/migrate.ts';
import { createPool } from '#libs/db/pool.ts';
import { allowLogin, serviceRoles } from '#libs/db/roles.ts';
import { testServerUrl } from './server.ts';

/** The part of tap's test object that helpers need. */
export type TestScope = { teardown: (end: () => unknown) => void };

export type TestDatabase = {
  /** Connection string of the owner, who may do everything. */
  url: string;
  /** The same database as seen by a service, with that service's rights only. */
  serviceUrl: (service: ServiceName) => string;
  /** A pool of the owner; ended by teardown. */
  pool: pg.Pool;
};

const TEMPLATE_LOCK_KEY = 4_650_714;
const OBJECT_IN_USE = '55006';
const CLONE_ATTEMPTS = 100;

/** What determines the migrated schema. `package.json` has the version of the job queue, which brings its own tables. */
const TEMPLATE_SOURCES = [
  { folder: path.join(migrationsFolder, '..'), pattern: 'package.json' },
  { folder: migrationsFolder, pattern: '{*,meta/*,functions/*/*}.{sql,json}' },
  { folder: path.join(migrationsFolder, '../libs/db'), pattern: '{*,schema/*}.ts' },
];

function templateName(): string {
  const hash = createHash('sha256');
  for (const { folder, pattern } of TEMPLATE_SOURCES) {
    for (const file of globSync(pattern, { cwd: folder }).sort()) {
      if (!file.endsWith('.test.ts')) hash.update(file).update(readFileSync(path.join(folder, file)));
    }
  }
  return `inkmeter_template_${hash.digest('hex').slice(0, 16)}`;
}

function databaseUrl(serverUrl: string, database: string, user?: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  if (user !== undefined) url.username = user;
  return url.href;
}

async function withAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: await testServerUrl(), application_name: 'test-admin' });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** Builds the migrated template once per state of the migrations; other test files wait for it. */
async function ensureTemplate(admin: pg.Client, serverUrl: string, template: string): Promise<void> {
  const exists = async () =>
    (await admin.query('select from pg_database where datname = $1', [template])).rowCount === 1;
  if (await exists()) return;
  await admin.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK_KEY]);
  try {
    if (await exists()) return;
    const partial = `${template}_partial`;
    await admin.query(`drop database if exists ${partial} with (force)`);
    await admin.query(`create database ${partial}`);
    await migrate({ connectionString: databaseUrl(serverUrl, partial) });
    for (const service of Object.keys(serviceRoles) as ServiceName[]) {
      await allowLogin(admin, service, decodeURIComponent(new URL(serverUrl).password));
    }
    // Renamed only when it is complete, so that an interrupted build is never cloned.
    await admin.query(`alter database ${partial} rename to ${template}`);
  } finally {
    await admin.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK_KEY]);
  }
}

async function cloneTemplate(admin: pg.Client, template: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await admin.query(`create database ${name} template ${template} strategy file_copy`);
      return;
    } catch (error) {
      // The session that built the template may be a moment late to leave it.
      if ((error as pg.DatabaseError).code !== OBJECT_IN_USE || attempt === CLONE_ATTEMPTS) throw error;
      await delay(20);
    }
  }
}

/**
 * A migrated database of its own for one test file, on real PostgreSQL. Dropped when the test ends.
 *
 * @param options.max Connections of the pool at most; 10 by default.
 * @throws Error when there is no PostgreSQL or a migration fails.
 */
export function createTestDatabase(t: TestScope, options: { max?: number } = {}): Promise<TestDatabase> {
  return openTestDatabase(t, options, async (admin, serverUrl, name) => {
    const template = templateName();
    await ensureTemplate(admin, serverUrl, template);
    await cloneTemplate(admin, template, name);
  });
}

/** A database without any tables, for tests of migrations. Dropped when the test ends. */
export function createEmptyDatabase(t: TestScope): Promise<TestDatabase> {
  return openTestDatabase(t, {}, async (admin, _serverUrl, name) => {
    await admin.query(`create database ${name}`);
  });
}

async function openTestDatabase(
  t: TestScope,
  options: { max?: number },
  create: (admin: pg.Client, serverUrl: string, name: string) => Promise<void>,
): Promise<TestDatabase> {
  const serverUrl = await testServerUrl();
  const name = `test_${randomBytes(8).toString('hex')}`;
  await withAdmin((admin) => create(admin, serverUrl, name));
  const url = databaseUrl(serverUrl, name);
  const pool = createPool({
    connectionString: url,
    max: options.max ?? 10,
    applicationName: 'test',
    statementTimeoutMs: 30_000,
    // On a busy machine, many requests at once may wait longer than a service would let them.
    connectTimeoutMs: 60_000,
  });
  t.teardown(async () => {
    await pool.end();
    await withAdmin((admin) => admin.query(`drop database if exists ${name} with (force)`));
  });
  return { url, pool, serviceUrl: (service) => databaseUrl(serverUrl, name, serviceRoles[service]) };
}
