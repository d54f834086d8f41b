import { randomUUID } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { migrate } from '#libs/db/migrate.ts';
import { createPool } from '#libs/db/pool.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { restoreBaseBackup, takeBaseBackup } from './base-backup.ts';
import { ensureDatabase, startEmbeddedPostgres } from './embedded-postgres.ts';
import { preparePostgres } from './postgres-binaries.ts';

const BEFORE = 20;

t.test('a backup under load restores to a ledger whose balances equal its rows', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'backup-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const start = (name: string) =>
    startEmbeddedPostgres({
      dataFolder: path.join(folder, name),
      password: 'secret',
      port: 0,
      durable: false,
    });
  const poolOf = (connectionString: string) =>
    createPool({ connectionString, max: 4, applicationName: 'backup-test', statementTimeoutMs: 60_000 });

  const server = await start('first');
  t.teardown(() => rmSync(server.dataFolder, { recursive: true, force: true }));
  await ensureDatabase(server.url(), 'inkmeter');
  const url = server.url('inkmeter');
  await migrate({ connectionString: url });
  const pool = poolOf(url);
  const ledger = createLedger({ pool });
  const accountId = randomUUID();
  const segments = [testSegment({ meter: 'cost', n: 1_000_000n })];
  await ledger.setLimits({ accountId, anchor: new Date('2026-01-01'), periodMonths: 1, segments });
  const call = async () => {
    const id = randomUUID();
    await ledger.hold(testHold(accountId, id, { cost: 10n }));
    await ledger.settle(testSettle(accountId, id, { cost: 7n }));
  };
  for (let count = 0; count < BEFORE; count += 1) await call();

  let isWorking = true;
  const load = (async () => {
    while (isWorking) await call();
  })();
  const target = path.join(folder, 'backup');
  const manifest = await takeBaseBackup({ connectionString: url, dataFolder: server.dataFolder, target });
  isWorking = false;
  await load;
  t.ok(manifest.files.backup_label);
  await t.rejects(takeBaseBackup({ connectionString: url, dataFolder: server.dataFolder, target }), /EEXIST/);
  await ledger.idle();
  await pool.end();
  await server.stop();

  const installation = await preparePostgres(path.join(folder, 'second'));
  t.teardown(() => rmSync(installation.dataFolder, { recursive: true, force: true }));
  await restoreBaseBackup({ source: target, ...installation });
  const restored = await start('second');
  const restoredPool = poolOf(restored.url('inkmeter'));
  const { rows } = await restoredPool.query<{ used: bigint; held: bigint; calls: bigint; open: bigint }>(
    `SELECT c.used, c.held, (SELECT count(*) FROM usage_events) AS calls,
      (SELECT count(*) FROM ledger_holds WHERE state = 'open') AS open FROM ledger_counters c WHERE meter = 'cost'`,
  );
  const [state] = rows;
  t.ok(Number(state?.calls) >= BEFORE, 'what was committed before the backup is in it');
  t.equal(state?.used, 7n * (state?.calls ?? 0n));
  t.equal(state?.held, 10n * (state?.open ?? 0n));
  await restoredPool.end();
  await restored.stop();

  appendFileSync(path.join(target, 'data', 'backup_label'), 'x');
  const damaged = { source: target, dataFolder: path.join(folder, 'third'), runAs: {} };
  await t.rejects(restoreBaseBackup(damaged), /backup_label of the backup has changed/);
  rmSync(path.join(target, 'backup.json'));
  await t.rejects(restoreBaseBackup(damaged), /not a complete backup/);
});
