import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createCatalogueStore } from '#services/billing/catalogues/store.ts';
import { defaultSubscription } from '#services/billing/subscriptions/domain.ts';
import { createSubscriptionStore } from '#services/billing/subscriptions/store.ts';
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

  await t.test('when it is filled, then prices and catalogue are there', async (t) => {
    await run('default');
    t.match(said(), [
      /^The price book brought \d+ prices; \d+ models/,
      'The catalogue default is on offer in version 1.',
    ]);
  });

  await t.test('when it is filled again, then there is nothing to do and to say', async (t) => {
    await run('default');
    t.strictSame(said(), []);
  });

  await t.test('when another preset is chosen, then subscriptions that exist are moved to it', async (t) => {
    const accountId = '0190a1b2-0000-7000-8000-00000000a001';
    const { clock } = systemRuntime;
    const catalogues = createCatalogueStore(pool);
    const active = await catalogues.active();
    if (active === undefined) throw new Error('nothing is on offer');
    const { applySubscription } = createSubscriptionStore(pool, catalogues);
    await applySubscription({
      accountId,
      now: clock.now(),
      decide: () => ({ ...defaultSubscription(accountId, active, clock.now()), planKey: 'basic' }),
    });
    const standing = async () => {
      const { rows } = await pool.query(
        `SELECT v.catalogue_id, s.plan_key, l.amount::integer AS images
           FROM subscriptions s JOIN catalogue_versions v ON v.id = s.catalogue_version_id
           JOIN ledger_limits l ON l.account_id = s.account_id AND l.meter = 'images'`,
      );
      return rows;
    };
    t.match(await standing(), [{ catalogue_id: 'default', plan_key: 'basic' }]);
    await run('lily');
    t.match(said().slice(-2), [
      'The catalogue lily is on offer in version 1.',
      '1 subscriptions were moved to it.',
    ]);
    t.strictSame(await standing(), [{ catalogue_id: 'lily', plan_key: 'starter', images: 10 }]);
    await run('default');
    t.match(await standing(), [{ catalogue_id: 'default', plan_key: 'basic' }]);
    const { rows } = await pool.query(`SELECT actor FROM audit_log WHERE action = 'catalogue.published'`);
    t.strictSame(rows, [{ actor: 'bootstrap' }, { actor: 'bootstrap' }]);
  });

  for (const preset of PRESETS) {
    await t.test(`when the preset ${preset} is chosen, then it alone is on offer`, async (t) => {
      await run(preset);
      const { rows } = await pool.query('SELECT catalogue_id FROM catalogue_versions WHERE active');
      t.strictSame(rows, [{ catalogue_id: preset }]);
    });
  }
  said();

  await t.test('when a file cannot be used, then the error names the step and the line', async (t) => {
    const file = path.join(tmpdir(), `inkmeter-catalogue-${process.pid}.yaml`);
    t.teardown(() => rmSync(file, { force: true }));
    writeFileSync(file, 'id: broken\nplans: []\n');
    await t.rejects(run(file), /\(catalogue\): CatalogueError: line 1/);
    await t.rejects(run('./none.yaml'), /\(catalogue\): .*ENOENT/);
  });
});
