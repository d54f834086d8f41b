/** The checks of the database by `npm run doctor`. Each looks at one part, changes nothing, and says what to do. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from 'pg';
import { missingIn } from '#libs/catalogue/availability.ts';
import { catalogueChecks } from '#libs/catalogue/checks.ts';
import { createDatabase } from '#libs/db/database.ts';
import { migrationsFolder } from '#libs/db/migrate.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { assertServerVersion } from '#libs/db/server-version.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { readPriceFeed } from '#services/usage-metering/prices/store.ts';

export type Finding = {
  state: 'ok' | 'warning' | 'failed' | 'not set up';
  /** What was found. */
  text: string;
  /** What to do about it. */
  advice?: string;
};
export type Check = { name: string; run: () => Promise<Finding> };

export const TIMEOUT_MS = 10_000;
const MAX_CLOCK_DIFFERENCE_MS = 1_000;
/** Settings without which a committed settlement can be lost. */
const DURABLE_SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit'];

export const ok = (text: string): Finding => ({ state: 'ok', text });
export const notSetUp = (text: string): Finding => ({ state: 'not set up', text });
export const failed = (text: string, advice: string): Finding => ({ state: 'failed', text, advice });
export const warning = (text: string, advice: string): Finding => ({ state: 'warning', text, advice });

export function databaseChecks(pool: Pool): Check[] {
  return [
    { name: 'PostgreSQL', run: () => checkServer(pool) },
    { name: 'durability', run: () => checkDurability(pool) },
    { name: 'clock', run: () => checkClock(pool) },
    { name: 'notifications', run: () => checkNotifications(pool) },
    { name: 'migrations', run: () => checkMigrations(pool) },
    { name: 'roles', run: () => checkRoles(pool) },
    { name: 'catalogue and prices', run: () => checkPrices(pool) },
  ];
}

async function checkServer(pool: Pool): Promise<Finding> {
  await assertServerVersion(pool);
  const { rows } = await pool.query<{ version: string; most: string; encrypted: boolean }>(
    `SELECT current_setting('server_version') AS version, current_setting('max_connections') AS most,
      (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS encrypted`,
  );
  const [row] = rows;
  return ok(
    `${row?.version}, ${row?.most} connections, ${row?.encrypted ? 'encrypted' : 'not encrypted (?sslmode=verify-full encrypts)'}`,
  );
}

async function checkDurability(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
    [DURABLE_SETTINGS],
  );
  const off = rows.filter(({ setting }) => setting === 'off').map(({ name }) => name);
  if (off.length === 0) return ok(`${DURABLE_SETTINGS.join(', ')} are on`);
  return failed(`off: ${off.join(', ')}`, 'Turn them on: a crash could lose calls that were made.');
}

async function checkClock(pool: Pool): Promise<Finding> {
  const before = Date.now();
  const { rows } = await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
  const after = Date.now();
  const server = rows[0]?.now.getTime() ?? 0;
  const differenceMs = Math.max(before - server, server - after, 0);
  if (differenceMs <= MAX_CLOCK_DIFFERENCE_MS) return ok(`at most ${differenceMs} ms from this machine's`);
  return warning(
    `${differenceMs} ms from this machine's`,
    'Synchronise both by NTP: access tokens and signatures of webhooks expire by the clock.',
  );
}

async function checkNotifications(pool: Pool): Promise<Finding> {
  const client = await pool.connect();
  try {
    const received = new Promise<boolean>((resolve) => {
      client.once('notification', () => resolve(true));
      setTimeout(resolve, TIMEOUT_MS, false).unref();
    });
    await client.query('LISTEN inkmeter_doctor');
    await pool.query("SELECT pg_notify('inkmeter_doctor', '')");
    if (await received) return ok('LISTEN works');
    return failed(
      'a notification did not arrive',
      'Connect to PostgreSQL directly, or through a pooler in session mode: stops would act late.',
    );
  } finally {
    client.release(true);
  }
}

async function checkMigrations(pool: Pool): Promise<Finding> {
  const journal = JSON.parse(readFileSync(path.join(migrationsFolder, 'meta/_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[];
  };
  const { rows } = await pool.query<{ created_at: bigint }>(
    'SELECT created_at FROM drizzle.__drizzle_migrations',
  );
  const applied = new Set(rows.map((row) => Number(row.created_at)));
  const pending = journal.entries.filter(({ when }) => !applied.has(when)).map(({ tag }) => tag);
  if (pending.length > 0) return failed(`not applied: ${pending.join(', ')}`, 'Run node libs/db/migrate.ts.');
  const unknown = applied.size - journal.entries.length;
  if (unknown > 0) return warning(`${unknown} of a newer release are applied`, 'Run the newer release.');
  return ok(`all ${journal.entries.length} are applied`);
}

async function checkRoles(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<{ rolname: string; rolcanlogin: boolean; rolsuper: boolean }>(
    'SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname = ANY ($1)',
    [Object.values(serviceRoles)],
  );
  const roleOf = new Map(rows.map((row) => [row.rolname, row]));
  const names = Object.values(serviceRoles);
  const powerful = names.filter((name) => roleOf.get(name)?.rolsuper);
  if (powerful.length > 0)
    return failed(
      `superusers: ${powerful.join(', ')}`,
      'ALTER ROLE … NOSUPERUSER: services need grants only.',
    );
  const closed = names.filter((name) => !roleOf.get(name)?.rolcanlogin);
  if (closed.length > 0)
    return warning(
      `without login: ${closed.join(', ')}`,
      "Run the set-up, or ALTER ROLE … LOGIN PASSWORD '…'.",
    );
  return ok('each service has its own login');
}

async function checkPrices(pool: Pool): Promise<Finding> {
  const database = createDatabase(pool);
  const active = await createCatalogueVersions().active(database);
  if (active === undefined)
    return failed('no catalogue is active', 'Publish one: npm run catalogue -- publish.');
  const { models } = await readPriceFeed(database, new Date());
  const { catalogue } = active;
  const name = `${catalogue.id} ${catalogue.version}`;
  if (models.length === 0) return failed('no model has a price', 'POST /api/admin/prices.');
  const unpriced = catalogueChecks(catalogue, models).map(({ message }) => message);
  if (unpriced.length > 0) return warning(`${name}: ${unpriced.join(', ')}`, 'POST /api/admin/prices.');
  const missing = missingIn(catalogue).filter((one) => !catalogue.notYetAvailable.includes(one));
  if (missing.length === 0) return ok(`${name} is active, ${models.length} models have a price`);
  return warning(
    `${name} sells what does not exist: ${missing.join(', ')}`,
    'Remove it from the plans, or name it in notYetAvailable.',
  );
}
