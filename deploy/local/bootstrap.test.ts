import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { CLI_ACTOR } from '#libs/contracts/audit-entry.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { runAllRollouts } from '#services/billing/catalogues/catalogues.fixture.ts';
import { publishCatalogue } from '#services/billing/catalogues/publish-catalogue.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { defaultSubscription } from '#services/billing/subscriptions/domain/subscription.ts';
import { applyLimits } from '#services/billing/subscriptions/plugin.ts';
import { saveSubscription } from '#services/billing/subscriptions/store.ts';
import { bootstrap, cataloguePathOf, defaultPricesPath } from './bootstrap.ts';

const PRESETS = ['default', 'crew', 'alwrity-alpha', 'alwrity', 'lily', 'whisperforge'];

t.test('given a migrated database', async (t) => {
  const { url: databaseUrl, pool } = await createTestDatabase(t);
  const lines: string[] = [];
  const run = (catalogue: string) =>
    bootstrap({
      databaseUrl,
      cataloguePath: cataloguePathOf(catalogue),
      pricesPath: defaultPricesPath,
      log: (line) => lines.push(line),
    });
  const said = () => lines.splice(0);

  const activeCatalogue = async () =>
    (await pool.query('SELECT catalogue_id, version FROM catalogue_versions WHERE active')).rows;
  const actions = async () =>
    (await pool.query("SELECT action, actor FROM audit_log WHERE action LIKE 'catalogue.%' ORDER BY id"))
      .rows;

  await t.test('when it is filled, then prices and an active catalogue are there', async (t) => {
    const { catalogue } = await run('default');
    t.equal(catalogue.active.id, catalogue.file.id);
    t.match(said(), [
      /^The price book added \d+ prices and changed \d+ models\.$/,
      'The catalogue default was imported as version 1; it is active.',
    ]);
    t.strictSame(await actions(), [
      { action: 'catalogue.imported', actor: 'system' },
      { action: 'catalogue.activated', actor: 'system' },
    ]);
  });

  await t.test('when it is filled again, then nothing changes', async (t) => {
    await run('default');
    t.strictSame(said(), []);
    t.equal((await actions()).length, 2);
  });

  const accountId = '0190a1b2-0000-7000-8000-00000000a001';
  const { clock } = systemRuntime;
  const catalogues = createCatalogueVersions();
  const database = createDatabase(pool);
  const active = await catalogues.active(database);
  if (active === undefined) throw new Error('no catalogue is active');
  const now = clock.now();
  const subscription = { ...defaultSubscription(accountId, active, now), planKey: 'basic' };
  await transaction(database, async (tx) => {
    await saveSubscription(tx, subscription, now);
    await applyLimits(tx, { catalogues }, subscription, now);
  });
  const accountTerms = async () => {
    const { rows } = await pool.query(
      `SELECT v.catalogue_id, s.plan_key, l.amount::integer AS images
         FROM subscriptions s JOIN catalogue_versions v ON v.id = s.catalogue_version_id
         JOIN ledger_limits l ON l.account_id = s.account_id AND l.meter = 'images'`,
    );
    return rows;
  };

  await t.test(
    'when it is started with another catalogue, then that is imported but not active',
    async (t) => {
      const { catalogue } = await run('lily');
      t.match(catalogue, {
        active: { catalogueId: 'default', version: 1 },
        file: { catalogueId: 'lily', version: 1 },
      });
      t.equal(said().at(-1), 'The catalogue lily was imported as version 1; it is not published.');
      t.strictSame(await activeCatalogue(), [{ catalogue_id: 'default', version: 1 }]);
      t.match(await accountTerms(), [{ catalogue_id: 'default', plan_key: 'basic' }]);
    },
  );

  await t.test('when the other catalogue is published, then existing subscriptions move to it', async (t) => {
    const { catalogue } = await run('lily');
    const database = createDatabase(pool);
    await transaction(database, (tx) =>
      publishCatalogue(tx, systemRuntime, {
        versionId: catalogue.file.id,
        migration: 'now',
        by: CLI_ACTOR,
        reason: null,
      }),
    );
    await runAllRollouts({ pool, runtime: systemRuntime, onFailure: (line) => t.error(line) });
    t.strictSame(await accountTerms(), [{ catalogue_id: 'lily', plan_key: 'starter', images: 10 }]);
    t.strictSame((await actions()).at(-1), { action: 'catalogue.published', actor: 'cli' });
  });

  await t.test(
    'when it is started again with the first file, then the published catalogue stays',
    async (t) => {
      const { catalogue } = await run('default');
      t.match(catalogue, { active: { catalogueId: 'lily' }, file: { catalogueId: 'default', version: 1 } });
      t.strictSame(await activeCatalogue(), [{ catalogue_id: 'lily', version: 1 }]);
      t.strictSame(await accountTerms(), [{ catalogue_id: 'lily', plan_key: 'starter', images: 10 }]);
      t.equal((await actions()).at(-1)?.action, 'catalogue.published', 'nothing was recorded');
    },
  );

  await t.test('when a start brings a changed file, then the published version of it stays', async (t) => {
    const file = path.join(t.testdir(), 'lily.yaml');
    const text = readFileSync(cataloguePathOf('lily'), 'utf8');
    writeFileSync(file, `${text}\n# edited\n`);
    const { catalogue } = await run(file);
    t.match(catalogue, {
      active: { catalogueId: 'lily', version: 1 },
      file: { catalogueId: 'lily', version: 2 },
    });
    t.strictSame(await activeCatalogue(), [{ catalogue_id: 'lily', version: 1 }]);
  });
  said();

  for (const preset of PRESETS) {
    await t.test(`when the first start has the preset ${preset}, then it is active`, async (t) => {
      const { url, pool: emptyPool } = await createTestDatabase(t);
      await bootstrap({
        databaseUrl: url,
        cataloguePath: cataloguePathOf(preset),
        pricesPath: defaultPricesPath,
        log: () => undefined,
      });
      const { rows } = await emptyPool.query('SELECT catalogue_id FROM catalogue_versions WHERE active');
      t.strictSame(rows, [{ catalogue_id: preset }]);
    });
  }

  await t.test('when a file is invalid, then the error names the step and the line', async (t) => {
    const file = path.join(tmpdir(), `inkmeter-catalogue-${process.pid}.yaml`);
    t.teardown(() => rmSync(file, { force: true }));
    writeFileSync(file, 'id: broken\nplans: []\n');
    await t.rejects(run(file), /\(catalogue\): CatalogueError: line 1/);
    await t.rejects(run('./none.yaml'), /\(catalogue\): .*ENOENT/);
  });
});
