/**
 * A separate process that runs the PostgreSQL shared by all test files of a checkout. It outlives the test file that
 * started it and stops by itself when no test has been connected for a while.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { identify } from '#libs/embedded/process-identity.ts';

const IDLE_LIMIT_MS = 15_000;
const CHECK_INTERVAL_MS = 1_000;

const folder = process.argv[2];
if (!folder) throw new Error('Usage: server-keeper.ts <folder>');
const serverFile = path.join(folder, 'server.json');

const server = await startEmbeddedPostgres({
  dataFolder: path.join(folder, 'postgres'),
  fresh: true,
  password: randomBytes(18).toString('base64url'),
  port: 0,
  durable: false,
  logFile: path.join(folder, 'postgres.log'),
  settings: { max_connections: '300', log_min_messages: 'fatal' },
});

function publishAddress(): void {
  const text = JSON.stringify({ adminUrl: server.url(), keeper: identify() });
  writeFileSync(`${serverFile}.new`, text, { mode: 0o600 });
  renameSync(`${serverFile}.new`, serverFile);
}

const client = new pg.Client({ connectionString: server.url() });
client.on('error', () => undefined);
await client.connect();

async function isUsed(): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`,
  );
  return rowCount === 1;
}

let isStopping = false;

async function stop(): Promise<void> {
  isStopping = true;
  rmSync(serverFile, { force: true });
  await client.end().catch(() => undefined);
  await server.stop();
  rmSync(server.dataFolder, { recursive: true, force: true });
  process.exit(0);
}

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
void server.exited.then(() => {
  if (!isStopping) process.exit(1);
});
publishAddress();

for (let idleSince = Date.now(); ; ) {
  await delay(CHECK_INTERVAL_MS);
  if (await isUsed()) idleSince = Date.now();
  if (Date.now() - idleSince < IDLE_LIMIT_MS) continue;
  // The address goes first, then a second look: a test that connected in between keeps its server.
  rmSync(serverFile, { force: true });
  if (!(await isUsed())) break;
  publishAddress();
}
await stop();
