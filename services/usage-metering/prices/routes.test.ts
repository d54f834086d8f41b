import { readFileSync } from 'node:fs';
import t from 'tap';
import { type PriceFeedWire, priceFeedFromWire } from '#libs/contracts/price-feed.ts';
import type { AdminPriceRow, PricingList } from '#libs/contracts/prices.ts';
import { CHANGES_CHANNEL } from '#libs/db/notify.ts';
import { effectivePrice } from '#libs/pricing/price.ts';
import { parsePriceBook } from '#libs/pricing/price-book.ts';
import { createTestService, STAFF, type TestService } from '../fixtures.ts';
import { importPriceBook } from './change-prices.ts';

type Pricing = { data: PricingList };
type Rows = { data: AdminPriceRow[] };
type Refusal = { code: string };

const BOOK = readFileSync(new URL('../../../deploy/catalogues/prices.yaml', import.meta.url), 'utf8');
const ADMIN = '/api/admin/prices';

const SMALL_BOOK = `
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
      - from: 2025-01-01
        perMillion: { input: 0.075 }
      - from: 2026-12-01
        perMillion: { input: 0.05 }
`;

/** The notifications that other services receive while `work` runs. */
async function notificationsDuring({ pool }: TestService, work: () => Promise<unknown>): Promise<string[]> {
  const client = await pool.connect();
  const received: string[] = [];
  client.on('notification', ({ payload = '' }) => received.push(payload));
  await client.query(`LISTEN ${CHANGES_CHANNEL}`);
  await work();
  // Notifications arrive before the response to a later statement.
  await client.query('SELECT 1');
  client.release(true);
  return received;
}

t.test('given the shipped price book', async (t) => {
  const service = await createTestService(t);
  const { database, runtime } = service;
  const book = parsePriceBook(BOOK);
  const now = runtime.clock.now();

  const first = await notificationsDuring(service, async () => {
    const result = await importPriceBook(database, BOOK, runtime);
    t.match(result, {
      addedRows: book.rows.length,
      changedModels: book.models.length,
      contradictions: [],
    });
  });
  t.strictSame(first, ['{"kind":"prices"}']);

  await t.test('then importing it again changes nothing and sends no notification', async (t) => {
    const again = await notificationsDuring(service, async () => {
      t.strictSame(await importPriceBook(database, BOOK, runtime), {
        addedRows: 0,
        changedModels: 0,
        contradictions: [],
      });
    });
    t.strictSame(again, []);
  });

  await t.test('then the feed contains every model with the prices of the book', async (t) => {
    const { status, body, headers } = await service.call<PriceFeedWire>('GET', '/internal/prices', {
      as: 'otherOwner',
    });
    t.equal(status, 200);
    const feed = priceFeedFromWire(body);
    const byName = (models: typeof book.models) => models.toSorted((a, b) => (a.model < b.model ? -1 : 1));
    t.strictSame(byName(feed.models), byName(book.models));
    for (const { provider, model } of book.models) {
      t.strictSame(
        effectivePrice(feed.rows, provider, model, now),
        effectivePrice(book.rows, provider, model, now),
        model,
      );
    }
    const unchanged = await service.call('GET', '/internal/prices', {
      as: 'otherOwner',
      headers: { 'if-none-match': String(headers.etag) },
    });
    t.equal(unchanged.status, 304);
  });
});

t.test('given a price history', async (t) => {
  const service = await createTestService(t);
  const { pool, database, runtime } = service;
  await importPriceBook(database, SMALL_BOOK, runtime);

  await t.test('then the price list shows what is in force, in USD per million', async (t) => {
    const { body } = await service.call<Pricing>('GET', '/api/subscription/pricing', { as: 'otherOwner' });
    t.match(body.data.models, [
      { provider: 'openai', model: 'tiny', aliases: ['tiny-2024'], context_window: 1000 },
    ]);
    t.strictSame(
      body.data.models[0]?.prices.map((one) => [one.class, one.price_usd, one.valid_from]),
      [
        ['input', '0.075000', '2025-01-01T00:00:00.000Z'],
        ['cache_read', '0.100000', '2024-01-01T00:00:00.000Z'],
        ['cache_write', '1.000000', '2024-01-01T00:00:00.000Z'],
        ['output', '2.000000', '2024-01-01T00:00:00.000Z'],
        ['reasoning', '2.000000', '2024-01-01T00:00:00.000Z'],
      ],
    );
  });

  await t.test('then the feed omits superseded rows and keeps scheduled ones', async (t) => {
    const { body } = await service.call<PriceFeedWire>('GET', '/internal/prices', { as: 'otherOwner' });
    t.strictSame(
      body.rows.filter((row) => row.class === 'input').map((row) => row.valid_from),
      ['2025-01-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    );
  });

  await t.test('then staff read every row', async (t) => {
    const { body } = await service.call<Rows>('GET', `${ADMIN}?model=tiny&provider=openai`, {
      as: 'support',
    });
    t.strictSame(
      body.data.filter((row) => row.class === 'input').map((row) => [row.price_usd, row.state, row.author]),
      [
        ['0.050000', 'scheduled', 'price-book'],
        ['0.075000', 'in_force', 'price-book'],
        ['1.000000', 'superseded', 'price-book'],
      ],
    );
    t.strictSame((await service.call<Rows>('GET', `${ADMIN}?model=none`, { as: 'support' })).body.data, []);
  });

  await t.test(
    'then an admin adds a price that applies from now on, and all services are notified',
    async (t) => {
      const body = {
        provider: 'openai',
        model: 'tiny',
        per_million_tokens: { input: '0.06', output: '1.5' },
      };
      const received = await notificationsDuring(service, async () => {
        const answer = await service.call<Rows>('POST', ADMIN, { as: 'admin', body });
        t.equal(answer.status, 201);
        t.match(answer.body.data, [
          {
            class: 'input',
            price_usd: '0.060000',
            valid_from: '2026-11-20T12:00:00.000Z',
            state: 'in_force',
            author: STAFF,
          },
          { class: 'output', price_usd: '1.500000' },
        ]);
      });
      t.strictSame(received, ['{"kind":"prices"}']);
      const pricing = await service.call<Pricing>('GET', '/api/subscription/pricing', { as: 'otherOwner' });
      t.equal(pricing.body.data.models[0]?.prices[0]?.price_usd, '0.060000');

      const repeated = await service.call<Refusal>('POST', ADMIN, { as: 'admin', body });
      t.strictSame([repeated.status, repeated.body.code], [409, 'conflict']);
    },
  );

  await t.test('then every change is audited, and an import that changes nothing is not', async (t) => {
    await importPriceBook(database, SMALL_BOOK, runtime);
    const { rows } = await pool.query('SELECT actor, action, subject, after FROM audit_log ORDER BY id');
    t.match(rows, [
      {
        actor: 'system',
        action: 'prices.imported',
        subject: 'prices:price-book',
        after: { changed_models: 1 },
      },
      {
        actor: STAFF,
        action: 'prices.added',
        subject: 'model:openai/tiny',
        after: { prices: [{ class: 'input', picoUsdPerUnit: '60000' }] },
      },
    ]);
  });

  await t.test('then imports at the same time add each row once', async (t) => {
    const bigger = SMALL_BOOK.replace('2026-12-01', '2026-12-02');
    const results = await Promise.all([1, 2, 3].map(() => importPriceBook(database, bigger, runtime)));
    t.strictSame(results.map(({ addedRows }) => addedRows).sort(), [0, 0, 1]);
  });

  await t.test('then a later book never changes a row', async (t) => {
    const changed = SMALL_BOOK.replace('input: 0.075', 'input: 0.99');
    const result = await importPriceBook(database, changed, runtime);
    t.match(result, { addedRows: 0, changedModels: 0 });
    t.strictSame(
      result.contradictions.map((row) => [row.class, row.picoUsdPerUnit]),
      [['input', 990_000n]],
    );
    const { rows } = await pool.query(
      `SELECT pico_usd_per_unit FROM provider_prices WHERE class = 'input' AND valid_from = '2025-01-01T00:00Z'`,
    );
    t.strictSame(rows, [{ pico_usd_per_unit: 75_000n }]);
  });

  await t.test('then invalid prices are refused', async (t) => {
    const good = { provider: 'openai', model: 'tiny', per_million_tokens: { input: '1' } };
    const cases: [string, object, number, string][] = [
      ['a start in the past', { ...good, valid_from: '2026-11-20T11:59:59Z' }, 422, 'semantic_error'],
      ['an unknown model', { ...good, model: 'huge' }, 404, 'unknown_model'],
      ['a float', { ...good, per_million_tokens: { input: 0.5 } }, 400, 'invalid_request'],
      ['too many decimals', { ...good, per_million_tokens: { input: '0.0000001' } }, 400, 'invalid_request'],
      ['a negative price', { ...good, per_million_tokens: { input: '-1' } }, 400, 'invalid_request'],
      ['an unknown class', { ...good, per_million_tokens: { image: '1' } }, 400, 'invalid_request'],
      ['no price', { provider: 'openai', model: 'tiny' }, 400, 'invalid_request'],
      ['an unknown field', { ...good, currency: 'EUR' }, 400, 'invalid_request'],
    ];
    for (const [what, body, status, code] of cases) {
      const answer = await service.call<Refusal>('POST', ADMIN, { as: 'admin', body });
      t.strictSame([answer.status, answer.body.code], [status, code], what);
    }
  });

  await t.test('then only admins change prices and only staff read the history', async (t) => {
    const body = { provider: 'openai', model: 'tiny', per_million_tokens: { input: '1' } };
    for (const caller of ['owner', 'member', 'key', 'support'] as const) {
      const answer = await service.call<Refusal>('POST', ADMIN, { as: caller, body });
      t.strictSame([answer.status, answer.body.code], [403, 'platform_role_required'], caller);
    }
    t.equal((await service.call('GET', ADMIN, { as: 'owner' })).status, 403);
  });
});
