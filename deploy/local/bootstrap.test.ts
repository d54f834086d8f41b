import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
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
