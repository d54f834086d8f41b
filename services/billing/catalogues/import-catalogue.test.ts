import t from 'tap';
import type { PlanList } from '#libs/contracts/plans.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  DEFAULT_CATALOGUE,
  notificationsDuring,
} from '../fixtures.ts';
import { readCatalogueFile } from './import-catalogue.ts';

type Plans = { data: PlanList };

const CHANGED = DEFAULT_CATALOGUE.replace('amount: 2.00 USD', 'amount: 3.00 USD');
const OTHER = DEFAULT_CATALOGUE.replace('id: default', 'id: other');

t.test('given an empty database', async (t) => {
  const service = await createTestService(t, null);
  const { pool, importText, call } = service;
  const offered = async () =>
    (await call<Plans>('GET', '/api/subscription/plans', { as: accountCaller(ACCOUNT) })).body.data.catalogue;
  t.equal(
    (await call('GET', '/api/subscription/plans', { as: accountCaller(ACCOUNT) })).status,
    503,
    'nothing is on offer',
  );
  t.equal((await call('GET', '/api/subscription/current', { as: accountCaller(ACCOUNT) })).status, 503);

  let firstId = '';
  await t.test(
    'when a catalogue is imported, then it is on offer and every service is notified',
    async (t) => {
      const heard = await notificationsDuring(pool, async () => {
        const first = await importText(DEFAULT_CATALOGUE);
        firstId = first.id;
        t.match(first, { catalogueId: 'default', version: 1, outcome: 'created' });
      });
      t.strictSame(heard, [{ kind: 'catalogue', id: firstId }]);
      t.strictSame(await offered(), { id: 'default', version: 1 });
    },
  );

  await t.test('when it is imported again, then nothing changes', async (t) => {
    const heard = await notificationsDuring(pool, async () => {
      t.match(await importText(DEFAULT_CATALOGUE), { id: firstId, version: 1, outcome: 'unchanged' });
    });
    t.strictSame(heard, []);
  });

  await t.test('when its content has changed, then there is a second version', async (t) => {
    t.match(await importText(CHANGED), { version: 2, outcome: 'created' });
    t.strictSame(await offered(), { id: 'default', version: 2 });
  });

  await t.test(
    'when the first content is imported again, then the first version is active again',
    async (t) => {
      t.match(await importText(DEFAULT_CATALOGUE), { id: firstId, version: 1, outcome: 'reactivated' });
      t.strictSame(await offered(), { id: 'default', version: 1 });
    },
  );

  await t.test('when another catalogue is activated, then only that one is on offer', async (t) => {
    t.match(await importText(OTHER), { catalogueId: 'other', version: 1, outcome: 'created' });
    t.strictSame(await offered(), { id: 'other', version: 1 });
  });

  await t.test('when several imports run at once, then one version is created', async (t) => {
    const text = DEFAULT_CATALOGUE.replace('amount: 2.00 USD', 'amount: 4.00 USD');
    const results = await Promise.all(Array.from({ length: 5 }, () => importText(text)));
    t.strictSame(results.map(({ outcome }) => outcome).sort(), [
      'created',
      'unchanged',
      'unchanged',
      'unchanged',
      'unchanged',
    ]);
    t.strictSame(new Set(results.map(({ version }) => version)), new Set([3]));
    const { rows } = await pool.query('SELECT count(*)::integer AS n FROM catalogue_versions WHERE active');
    t.strictSame(rows, [{ n: 1 }]);
  });

  await t.test('when a file is invalid, then it is refused with its lines and nothing changes', async (t) => {
    await t.rejects(importText('id: broken'), { name: 'CatalogueError', message: /line 1/ });
    t.throws(() => readCatalogueFile(DEFAULT_CATALOGUE, []), {
      name: 'CatalogueError',
      message: /gpt-4o-mini/,
    });
    t.strictSame(await offered(), { id: 'default', version: 3 });
  });

  await t.test('then other services can read the text of each version', async (t) => {
    const { body } = await call<{ source: string }>('GET', `/internal/catalogues/${firstId}`, {
      as: accountCaller(ACCOUNT),
    });
    t.equal(body.source, DEFAULT_CATALOGUE);
    t.equal(
      (await call('GET', `/internal/catalogues/${ACCOUNT}`, { as: accountCaller(ACCOUNT) })).status,
      404,
    );
    t.equal((await call('GET', '/internal/catalogues/1', { as: accountCaller(ACCOUNT) })).status, 400);
  });
});
