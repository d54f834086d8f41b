/** A catalogue is edited while customers call: no request fails, and each is limited by one version. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { rolloutTasks } from '#services/billing/catalogues/jobs.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { moveToCatalogue, recomputeLimits } from '#services/billing/subscriptions/plugin.ts';
import { cataloguePathOf } from './bootstrap.ts';
import { startInstallation } from './installation.fixture.ts';

const CALLS = 300;
const CALLS_A_SECOND = 100;
const EDITIONS = 3;

t.test('given a hundred calls a second, when the catalogue is published three times', async (t) => {
  const { call, customer, pool, staffToken, databaseUrl } = await startInstallation(t, 'default');
  const customers = await Promise.all(Array.from({ length: 4 }, () => customer('pro')));
  const original = readFileSync(cataloguePathOf('default'), 'utf8');
  /** Each edition has another monthly cost limit for the plan pro. */
  const edition = (n: number) =>
    original
      .replace('version: "1"', `version: "1.${n}"`)
      .replace('amount: 40.00 USD', `amount: ${50 + n}.00 USD`);
  t.not(edition(1), edition(2));

  const database = createDatabase(pool);
  const deps = { database, catalogues: createCatalogueVersions(), runtime: systemRuntime };
  const tasks = rolloutTasks({
    database,
    clock: systemRuntime.clock,
    recomputeLimits: (accountId) => recomputeLimits(deps, accountId),
    moveToCatalogue: (accountId, move) => moveToCatalogue(deps, accountId, move),
  });
  const { jobs } = createTestJobs(t, databaseUrl, tasks);
  jobs.start();
  const calls = Array.from({ length: CALLS }, async (_, i) => {
    await delay((i * 1000) / CALLS_A_SECOND);
    return call('/v1/chat/completions', customers[i % customers.length]?.token ?? '', {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 10,
    });
  });
  for (let n = 1; n <= EDITIONS; n += 1) {
    await delay(600);
    const imported = await call('/api/admin/catalogues', staffToken, { source: edition(n) });
    t.equal(imported.status, 201, JSON.stringify(imported.body));
    const versionId = imported.body.version_id;
    const published = await call(`/api/admin/catalogues/${versionId}/publish`, staffToken, {
      migration: 'now',
      reason: 'edited',
    });
    t.ok(published.status < 300, JSON.stringify(published.body));
    const { id } = published.body;
    const migration = async () => (await call(`/api/admin/catalogue-migrations/${id}`, staffToken)).body;
    await until(async () => (await migration()).state === 'done');
    t.match(await migration(), { accounts_failed: 0 });
  }
  const answers = await Promise.all(calls);
  t.strictSame([...new Set(answers.map(({ status }) => status))], [200], 'no request fails');

  const { rows } = await pool.query<{ amounts: bigint[]; calls: bigint }>(
    `SELECT array_agg(DISTINCT h.seen_amount[array_position(h.counter_ids, w.id)]) AS amounts, count(*) AS calls
       FROM ledger_holds h JOIN ledger_windows w ON w.account_id = h.account_id AND w.meter = 'cost' AND w.id = ANY (h.counter_ids)
      WHERE h.state = 'closed' GROUP BY h.id`,
  );
  t.equal(rows.length, CALLS);
  t.ok(
    rows.every(({ amounts }) => amounts.length === 1),
    'each was limited by one version',
  );
  const seen = new Set(rows.flatMap(({ amounts }) => amounts.map(String)));
  t.ok(seen.size > 1, `and more than one was in force meanwhile: ${[...seen].join(', ')}`);
  const prices = await pool.query('SELECT DISTINCT price_version FROM usage_events WHERE provider = $1', [
    'openai',
  ]);
  t.equal(prices.rowCount, 1, 'all at the prices in force');
});
