/** The checks of `npm run doctor`. Each looks at one part of an installation, changes nothing, and says what to do. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createTransport } from 'nodemailer';
import type { Pool } from 'pg';
import { missingIn } from '#libs/catalogue/availability.ts';
import { catalogueChecks } from '#libs/catalogue/checks.ts';
import type { Environment } from '#libs/config/env.ts';
import { createDatabase } from '#libs/db/database.ts';
import { assertServerVersion, migrationsFolder } from '#libs/db/migrate.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { createStripeClient } from '#services/billing/payments/stripe/client.ts';
import { planPublication } from '#services/billing/payments/stripe/publish.ts';
import { readPriceFeed } from '#services/usage-metering/prices/store.ts';

export type Finding = {
  state: 'ok' | 'warning' | 'failed' | 'not set up';
  /** What was found. */
  text: string;
  /** What to do about it. */
  advice?: string;
};
export type Check = { name: string; run: () => Promise<Finding> };

const TIMEOUT_MS = 10_000;
const MAX_CLOCK_DIFFERENCE_MS = 1_000;
/** Settings without which a committed settlement can be lost. */
const DURABLE_SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit'];

const ok = (text: string): Finding => ({ state: 'ok', text });
const notSetUp = (text: string): Finding => ({ state: 'not set up', text });
const failed = (text: string, advice: string): Finding => ({ state: 'failed', text, advice });
const warning = (text: string, advice: string): Finding => ({ state: 'warning', text, advice });

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

/** What the environment of the services configures. */
export function serviceChecks(env: Environment, pool: Pool): Check[] {
  return [
    { name: 'Stripe', run: () => checkStripe(env, pool) },
    { name: 'mail', run: () => checkMail(env) },
    ...PROVIDERS.map(({ name, ...provider }) => ({ name, run: () => checkProvider(env, provider) })),
  ];
}

async function checkStripe({ STRIPE_SECRET_KEY, STRIPE_HOST }: Environment, pool: Pool): Promise<Finding> {
  if (!STRIPE_SECRET_KEY) return notSetUp('payments are recorded by staff (STRIPE_SECRET_KEY)');
  const stripe = createStripeClient({
    secretKey: STRIPE_SECRET_KEY,
    ...(STRIPE_HOST && { host: STRIPE_HOST }),
  });
  const active = await createCatalogueVersions().active(createDatabase(pool));
  const steps = active === undefined ? [] : await planPublication(stripe, active.catalogue);
  if (steps.length === 0) return ok('the key works, and products and prices match the catalogue');
  return warning(
    `${steps.length} products or prices differ`,
    'Run npm run stripe -- sync --dry-run, then sync.',
  );
}

async function checkMail({ SMTP_URL }: Environment): Promise<Finding> {
  if (!SMTP_URL) return notSetUp('no mails are sent (SMTP_URL)');
  if (SMTP_URL.startsWith('http')) return ok('mails go to the mailbox of npm start');
  await createTransport({
    url: SMTP_URL,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
  }).verify();
  return ok('the server accepts the login');
}

type Provider = {
  keyVariable: string;
  urlVariable: string;
  defaultUrl: string;
  /** A request that needs the key and costs nothing. */
  path: string;
  headers: (key: string) => Record<string, string>;
};

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

const PROVIDERS: (Provider & { name: string })[] = [
  {
    name: 'OpenAI',
    keyVariable: 'OPENAI_API_KEY',
    urlVariable: 'OPENAI_BASE_URL',
    defaultUrl: 'https://api.openai.com/v1',
    path: '/models',
    headers: bearer,
  },
  {
    name: 'Anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
    urlVariable: 'ANTHROPIC_BASE_URL',
    defaultUrl: 'https://api.anthropic.com',
    path: '/v1/models',
    headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  },
  {
    name: 'Gemini',
    keyVariable: 'GEMINI_API_KEY',
    urlVariable: 'GEMINI_BASE_URL',
    defaultUrl: 'https://generativelanguage.googleapis.com',
    path: '/v1beta/models',
    headers: (key) => ({ 'x-goog-api-key': key }),
  },
  {
    name: 'xAI',
    keyVariable: 'XAI_API_KEY',
    urlVariable: 'XAI_BASE_URL',
    defaultUrl: 'https://api.x.ai/v1',
    path: '/models',
    headers: bearer,
  },
  {
    name: 'Mistral',
    keyVariable: 'MISTRAL_API_KEY',
    urlVariable: 'MISTRAL_BASE_URL',
    defaultUrl: 'https://api.mistral.ai/v1',
    path: '/models',
    headers: bearer,
  },
];

async function checkProvider(env: Environment, provider: Provider): Promise<Finding> {
  const key = env[provider.keyVariable];
  if (!key) return notSetUp(`its models cannot be called (${provider.keyVariable})`);
  const url = `${env[provider.urlVariable] || provider.defaultUrl}${provider.path}`;
  const response = await fetch(url, {
    headers: provider.headers(key),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await response.body?.cancel();
  if (response.ok) return ok('the key works');
  if (response.status === 401 || response.status === 403)
    return failed(`it refuses the key (${response.status})`, `Replace ${provider.keyVariable}.`);
  return warning(`${provider.path} answered ${response.status}`, "See the provider's status page.");
}

/** Whether generation can keep settlements through an outage of the database. */
export function spoolCheck({ SPOOL_DIR }: Environment): Check {
  return {
    name: 'spool',
    run: async () => {
      if (!SPOOL_DIR) return notSetUp('settlements wait in .inkmeter/spool (SPOOL_DIR)');
      return existsSync(SPOOL_DIR)
        ? ok(SPOOL_DIR)
        : failed(`${SPOOL_DIR} does not exist`, 'Create it on a disk that survives the process.');
    },
  };
}
