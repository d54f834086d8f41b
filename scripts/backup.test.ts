/** The drill of a restore, in its short form: the commands that operators type, and the examination of the proof. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { DATABASE } from '#deploy/local/database.ts';
import { readOrCreateSecrets } from '#deploy/local/secrets.ts';
import { migrate } from '#libs/db/migrate.ts';
import { createPool } from '#libs/db/pool.ts';
import { ensureDatabase, startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { archiveSettings, prepareArchive } from '#libs/embedded/wal-archive.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');

t.test('a base backup and the archive restore the moment between two calls', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drill-'));
  // PostgreSQL runs as another user when the tests run as root.
  chmodSync(folder, 0o755);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const at = (name: string) => path.join(folder, name);
  const archive = at('archive');
  /** Runs a command of an operator on the installation in a folder. */
  const operate = (installation: string, ...args: string[]) => {
    const env = { ...process.env, DATABASE_URL: '', DATA_FOLDER: at(installation), NO_COLOR: '1' };
    return run(process.execPath, args, { cwd: ROOT, env });
  };
  const open = async (installation: string, settings: Record<string, string> = {}) => {
    const dataFolder = at(`${installation}/postgres`);
    const { postgresPassword: password } = readOrCreateSecrets(at(`${installation}/secrets.json`));
    const server = await startEmbeddedPostgres({ dataFolder, password, port: 0, durable: false, settings });
    await ensureDatabase(server.url(), DATABASE);
    const connectionString = server.url(DATABASE);
    const pool = createPool({
      connectionString,
      max: 2,
      applicationName: 'drill',
      statementTimeoutMs: 60_000,
    });
    const close = async () => {
      await pool.end();
      await server.stop();
    };
    return { connectionString, pool, close };
  };
  const countCalls = async ({ pool }: Awaited<ReturnType<typeof open>>) => {
    const { rows } = await pool.query<{ calls: bigint; used: bigint }>(
      `SELECT (SELECT count(*) FROM usage_events) AS calls, used FROM ledger_counters WHERE meter = 'cost'`,
    );
    return rows;
  };

  await preparePostgres(at('first/postgres'));
  await prepareArchive(archive, at('first/postgres'));
  const first = await open('first', archiveSettings(archive));
  await migrate({ connectionString: first.connectionString });
  const ledger = createLedger({ pool: first.pool });
  const accountId = randomUUID();
  const segments = [testSegment({ meter: 'cost', n: 1_000_000n })];
  await ledger.setLimits({ accountId, anchor: new Date('2026-01-01'), periodMonths: 1, segments });
  const call = async (count: number) => {
    for (; count > 0; count -= 1) {
      const id = randomUUID();
      await ledger.hold(testHold(accountId, id, { cost: 10n }));
      await ledger.settle(testSettle(accountId, id, { cost: 7n }));
    }
  };
  const now = async () => {
    const { rows } = await first.pool.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    return rows[0]?.now.getTime() ?? 0;
  };

  await call(10);
  const { stdout: backedUp } = await operate('first', 'scripts/backup.ts', 'backup', '--base', at('backup'));
  t.match(backedUp, /^Backed up \d+ files to .*, with the secrets of this installation\. [\d.]+ s\.$/m);
  await call(20);
  await ledger.idle();
  const until = (await now()) + 1;
  while ((await now()) <= until);
  await call(5);
  await ledger.idle();
  t.strictSame(await countCalls(first), [{ calls: 35n, used: 245n }]);
  // The server archives the rest of its WAL when it stops.
  await first.close();

  const restore = (installation: string, ...options: string[]) =>
    operate(installation, 'scripts/backup.ts', 'restore', '--archive', archive, ...options, at('backup'));
  const [{ stdout: restored }, { stdout: complete }] = await Promise.all([
    restore('second', '--until', new Date(until).toISOString()),
    restore('third'),
    t.rejects(restore('fourth', '--until', '2100-01-01T00:00:00Z'), /The archive ends before that time/),
    t.rejects(restore('fifth', '--until', '2100-01-01'), /needs a time with its zone/),
  ]);
  t.match(restored, /and recovered it to the commit of 2\d{3}-.*\. Start it with npm start\. [\d.]+ s\.$/m);
  const reached = /the commit of (\S+)\. /.exec(complete)?.[1] ?? '';
  t.ok(reached > new Date(until).toISOString(), 'without a time, all that is archived is recovered');
  const { stdout: examined } = await operate('second', 'prove/run.ts', '--examine');
  t.match(examined, '1 accounts, 1 balances, 0 differences.');
  const second = await open('second');
  t.strictSame(await countCalls(second), [{ calls: 30n, used: 210n }]);
  await second.close();
});
