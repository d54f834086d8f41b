import t from 'tap';
import type { PriceImportResult } from '#libs/contracts/price-admin.ts';
import type { PriceFeedWire } from '#libs/contracts/price-feed.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { effectivePrice } from '#libs/pricing/price.ts';
import { ACCOUNT, type CallerName, createBalances, createTestService, STAFF } from '../fixtures.ts';
import { importPriceBook } from './change-prices.ts';
import { listPriceHistory } from './store.ts';

const BOOK = `
version: '1'
models:
  - provider: openai
    model: tiny
    aliases: [tiny-2024]
    source: https://vendor.example/models
    checked: 2026-11-27
    contextWindow: 1000
    maxOutputTokens: 100
    prices:
      - from: 2024-01-01
        perMillion: { input: 1, cache_read: 0.1, cache_write: 1, output: 2, reasoning: 2 }
      - from: 2024-01-01
        aboveInputTokens: 100
        perMillion: { input: 2 }
`;
const MODEL = { provider: 'openai', model: 'tiny' };
const LIST = {
  tiny: { litellm_provider: 'openai', input_cost_per_token: 8e-7, output_cost_per_token: 2e-6 },
  'gpt-99': { litellm_provider: 'openai', input_cost_per_token: 1e-6 },
};

const service = await createTestService(t);
const { database, ledger, pool, runtime } = service;
await importPriceBook(database, BOOK, runtime);

// biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect of a body
const post = <Body = any>(path: string, body: unknown, as: CallerName = 'admin') =>
  service.call<Body>('POST', `/api/admin${path}`, { as, body });
const audited = async () =>
  (await pool.query('SELECT action, actor, subject FROM audit_log ORDER BY id OFFSET 1')).rows;

t.test('given a public price list', async (t) => {
  const imported = (more: object) =>
    post<PriceImportResult>('/prices/import', { format: 'litellm', source: LIST, ...more });

  await t.test('when it is imported without effect, then the differences are shown', async (t) => {
    const { status, body } = await imported({});
    t.equal(status, 200);
    t.match(body, {
      applied: false,
      changes: [
        { class: 'input', from_input_tokens: 0, before: '$1.00 per 1M tokens', after: '$0.80 per 1M tokens' },
        { class: 'cache_read', before: '$0.10 per 1M tokens', after: '$0.80 per 1M tokens' },
        { class: 'cache_write', before: '$1.00 per 1M tokens', after: '$0.80 per 1M tokens' },
      ],
      unchanged: 2,
      unknown_models: [{ provider: 'openai', name: 'gpt-99' }],
      skipped: [],
    });
    t.equal(body.changes.length, 3);
    t.equal((await listPriceHistory(database, { provider: null, model: null })).length, 6);
  });

  await t.test(
    'when it is imported for later, then the prices are scheduled, and can be cancelled',
    async (t) => {
      const validFrom = '2026-12-01T00:00:00.000Z';
      t.match((await imported({ dry_run: false, valid_from: validFrom })).body, { applied: true });
      t.match((await imported({ dry_run: false, valid_from: validFrom })).body, {
        changes: [],
        unchanged: 5,
      });
      const history = await listPriceHistory(database, MODEL);
      t.equal(history.filter((row) => row.validFrom === validFrom).length, 3);
      const at = (time: string) => effectivePrice(history, 'openai', 'tiny', new Date(time));
      const versions = [at('2026-11-20T00:00:00Z'), at('2026-12-02T00:00:00Z')].map(
        (price) => price?.version,
      );
      t.not(versions[0], versions[1]);

      t.match((await post('/prices/cancel', { ...MODEL, valid_from: validFrom })).body, { cancelled: 3 });
      t.match(await post('/prices/cancel', { ...MODEL, valid_from: validFrom }), { status: 404 });
      t.match(await post('/prices/cancel', { ...MODEL, valid_from: '2024-01-01T00:00:00Z' }), {
        status: 422,
      });
      t.equal((await listPriceHistory(database, MODEL)).length, 6);
      const by = { actor: STAFF };
      t.strictSame(await audited(), [
        { action: 'prices.imported', ...by, subject: 'prices:litellm' },
        { action: 'prices.cancelled', ...by, subject: 'model:openai/tiny' },
      ]);
    },
  );

  await t.test('when two import at the same time, then one price begins at a time', async (t) => {
    const valid_from = '2027-01-01T00:00:00.000Z';
    const other = { tiny: { ...LIST.tiny, input_cost_per_token: 9e-7 } };
    const answers = await Promise.all([
      imported({ dry_run: false, valid_from }),
      imported({ dry_run: false, valid_from, source: other }),
    ]);
    t.strictSame(answers.map(({ status }) => status).sort(), [200, 409]);
    const rows = await listPriceHistory(database, MODEL);
    t.equal(rows.filter((row) => row.validFrom === valid_from && row.class === 'input').length, 1);
  });

  await t.test('then bad input and other callers are refused', async (t) => {
    t.match(await imported({ valid_from: '2026-01-01T00:00:00Z' }), { status: 422 });
    t.match(await imported({ format: 'csv' }), { status: 400 });
    const body = { format: 'litellm', source: LIST };
    t.match(await post('/prices/import', body, 'support'), { status: 403 });
    t.match(await post('/prices/preview', { prices: [] }, 'owner'), { status: 403 });
    t.match(await service.call('GET', '/api/admin/prices/unpriced', { as: 'owner' }), { status: 403 });
    t.match(await service.call('POST', '/api/admin/prices/import', { body }), { status: 401 });
  });
});

t.test('given calls of the last days, then a preview shows what they would have cost', async (t) => {
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const calls = [
    { inputTokens: 100, outputTokens: 10, cost: 120_000n },
    { inputTokens: 101, outputTokens: 10, cost: 222_000n },
  ];
  for (const { cost, ...tokens } of calls) {
    const id = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, id, { cost }));
    await ledger.settle(testSettle(ACCOUNT, id, { cost }, { facts: { ...MODEL, ...tokens } }));
  }
  runtime.clock.advance(1_000);
  const preview = (prices: object[], days = 7) => post('/prices/preview', { days, prices });
  const cheaper = { ...MODEL, per_million_tokens: { input: '0.5' } };
  const { status, body } = await preview([cheaper]);
  t.equal(status, 200);
  t.strictSame(body.models, [
    {
      ...{ ...MODEL, calls: 2, cost_usd: '0.000342000', cost_nano_usd: '342000' },
      ...{ repriced_usd: '0.000292000', repriced_nano_usd: '292000' },
      ...{ change_usd: '-0.000050000', change_nano_usd: '-50000' },
    },
  ]);
  const long = { ...MODEL, from_input_tokens: 101, per_million_tokens: { input: '3' } };
  t.match((await preview([cheaper, long])).body.models, [{ repriced_nano_usd: '393000' }]);
  runtime.clock.advance(8 * 86_400_000);
  t.match((await preview([cheaper])).body.models, [{ calls: 0, repriced_nano_usd: '0' }]);
  t.match((await preview([cheaper], 31)).body.models, [{ calls: 2 }]);
  t.match(await preview([{ ...cheaper, model: 'unheard' }]), {
    status: 404,
    body: { code: 'unknown_model' },
  });
  t.match(await preview([cheaper], 32), { status: 400 });
});

t.test('given aliases by staff, then requests may use them', async (t) => {
  const alias = 'openrouter/openai/tiny';
  const add = (name: string, more = {}) => post('/model-aliases', { ...MODEL, alias: name, ...more });
  t.match(await add(alias), { status: 201, body: { ...MODEL, alias, author: STAFF } });
  for (const taken of [alias, 'tiny', 'tiny-2024', 'openai/tiny'])
    t.match(await add(taken), { status: 409, body: { code: 'conflict' } }, taken);
  t.match(await add('new', { model: 'unheard' }), { status: 404 });
  t.match(await add('with space'), { status: 400 });
  const aliases = async () =>
    (await service.call<PriceFeedWire>('GET', '/internal/prices', { as: 'owner' })).body.models[0]?.aliases;
  t.strictSame(await aliases(), ['tiny-2024', alias]);
  t.match((await service.call('GET', '/api/admin/model-aliases', { as: 'support' })).body.data, [{ alias }]);
  const url = `/api/admin/model-aliases/${encodeURIComponent(alias)}`;
  t.equal((await service.call('DELETE', url, { as: 'admin' })).status, 204);
  t.equal((await service.call('DELETE', url, { as: 'admin' })).status, 404);
  t.strictSame(await aliases(), ['tiny-2024']);
  t.strictSame(
    (await audited()).slice(-2).map(({ action }) => action),
    ['model_alias.added', 'model_alias.removed'],
  );
});

t.test('given models that providers list, then those without a price are reported', async (t) => {
  await pool.query(
    `INSERT INTO vendor_models (provider, model, first_seen_at, seen_at) VALUES
       ('openai', 'tiny', '2026-11-01', '2026-11-20'), ('openai', 'tiny-2024', '2026-11-01', '2026-11-20'),
       ('openai', 'gone', '2026-11-01', '2026-11-19'), ('openai', 'gpt-99', '2026-11-20', '2026-11-20'),
       ('xai', 'tiny', '2026-11-01', '2026-11-18')`,
  );
  const { body } = await service.call('GET', '/api/admin/prices/unpriced', { as: 'support' });
  t.match(body.data, [
    { provider: 'openai', model: 'gpt-99' },
    { provider: 'xai', model: 'tiny' },
  ]);
  t.equal(body.data.length, 2);
  const gauge = await service.metrics.registry.getSingleMetric('inkmeter_unpriced_models')?.get();
  t.match(gauge?.values, [
    { labels: { provider: 'openai' }, value: 1 },
    { labels: { provider: 'xai' }, value: 1 },
  ]);
});
