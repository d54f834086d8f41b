import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { CheckResult, HoldResource, SettlementWire } from '#libs/contracts/holds.ts';
import { createDatabase } from '#libs/db/database.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { TestScope } from '#libs/testing/database.ts';
import { addMember, createKey, createTestGateway, type SignedUp, signUp } from '../fixtures.ts';
import { createPriceBook } from '../prices/domain.ts';
import { createPlanRateLimiter } from '../rate-limits/domain/plan-rate-limiter.ts';
import { holdsPlugin } from './plugin.ts';

const model = (name: string): ModelInfo => ({
  provider: 'openai',
  model: name,
  aliases: [],
  kind: 'text',
  upstreamModel: name,
  contextWindow: 100_000,
  maxOutputTokens: 4_000,
  maxImageInputTokens: 0,
  tokenizer: null,
  capabilities: { tools: true, vision: false, streaming: true, jsonSchema: true, reasoning: false },
});
const row = (name: string, unitClass: 'input' | 'output', picoUsdPerUnit: bigint) => ({
  provider: 'openai',
  model: name,
  class: unitClass,
  validFrom: '2026-01-01T00:00:00.000Z',
  picoUsdPerUnit,
  fromInputTokens: 0,
});
/** One nano-USD for a token of input, two for one of output. The plan has gpt-4o-mini and gpt-4o. */
const FEED = {
  models: [model('gpt-4o-mini'), model('gpt-4o'), model('o9')],
  rows: ['gpt-4o-mini', 'o9'].flatMap((name) => [row(name, 'input', 1_000n), row(name, 'output', 2_000n)]),
};

/** 100 tokens of input and 50 of output: 200 nano-USD. */
/** Of the clock of the tests. */
const IN_AN_HOUR = new Date('2026-11-20T13:00:00Z');

const OPERATION = { model: 'gpt-4o-mini', input_tokens: 100, output_tokens: 50 };
const RENDER = { name: 'video.render', meters: { 'gen.video': '1', cost: '40' } };

const limits = (cost: bigint) => [
  testSegment({ meter: 'cost', window: 'total', n: cost, blocks: false, source: 'plan:test' }),
  testSegment({ meter: 'gen.video', window: 'total', n: 3n, source: 'plan:test' }),
  testSegment({ meter: 'gen.blog', amount: { kind: 'disabled' }, source: 'not_in_plan:test' }),
  testSegment({ meter: 'tokens.total', window: 'day' }),
];

/** A gateway with accounts that may spend so many nano-USD, and make three videos. */
async function createFixture(t: TestScope) {
  let settings: { now: () => Date; ledger: ReturnType<typeof createLedger> } | undefined;
  const gateway = await createTestGateway(t, {
    addRoutes(app, { pool, runtime }) {
      const { now } = runtime.clock;
      const ledger = createLedger({ pool, now });
      settings = { now, ledger };
      const priceBook = createPriceBook({ fetch: async () => FEED, now });
      app.addHook('onReady', () => priceBook.ready());
      app.register(holdsPlugin, {
        ...{ database: createDatabase(pool), ledger, priceBook, runtime },
        entitlements: {
          get: async () => testEntitlements({ caps: { textModels: ['gpt-4o-mini', 'gpt-4o'] } }),
          catalogueOf: async () => undefined,
          suggestPlans: async () => undefined,
        },
        planRateLimiter: createPlanRateLimiter(app.sharedCounters, app.takeStream),
        readLimits: (query) => readLimits({ $client: pool }, now(), query),
        findStopNotice: async () => ({
          publicReason: 'We are checking an invoice.',
          expectedUntil: IN_AN_HOUR,
        }),
      });
    },
  });
  const { now, ledger } = settings as NonNullable<typeof settings>;
  const { pool } = gateway.database;
  return {
    gateway,
    ledger,
    async account(name: string, cost = 1_000n): Promise<SignedUp & { key: string }> {
      const user = await signUp(gateway, name);
      const { accountId } = user;
      await ledger.setLimits({ accountId, anchor: now(), periodMonths: 1, segments: limits(cost) });
      const { key } = await createKey(gateway, user.access_token, { scopes: ['generate', 'usage:write'] });
      return { ...user, key };
    },
    /** Used and held of a meter. */
    async usageOf(accountId: string, meter = 'cost') {
      const { rows } = await pool.query(
        'SELECT used, held FROM ledger_counters WHERE account_id = $1 AND meter = $2',
        [accountId, meter],
      );
      return [rows[0].used, rows[0].held];
    },
    breaches: () => findBreaches(pool),
    hold: (as: string, operations: unknown = [OPERATION], more = {}, headers = {}) =>
      gateway.call<HoldResource>('POST', '/api/holds', { as, body: { operations, ...more }, headers }),
    settle: (as: string, id: string, body: unknown) =>
      // biome-ignore lint/suspicious/noExplicitAny: problems have other fields
      gateway.call<SettlementWire & Record<string, any>>('POST', `/api/holds/${id}/settle`, { as, body }),
    close: (as: string, id: string) => gateway.call('POST', `/api/holds/${id}/close`, { as }),
    check: (as: string, operations: unknown) =>
      gateway.call<CheckResult>('POST', '/api/check', { as, body: { operations } }),
  };
}

t.test('given an account of 1,000 nano-USD', async (t) => {
  const fixture = await createFixture(t);
  const { gateway, hold, settle, close, check, usageOf } = fixture;

  await t.test('when operations are held and settled, then exactly what they used counts', async (t) => {
    const { key, accountId } = await fixture.account('ada');
    const held = await hold(key, [OPERATION, RENDER]);
    t.equal(held.status, 201);
    t.match(held.headers, {
      'ratelimit-policy': '"gen.video/total";q=3',
      ratelimit: '"gen.video/total";r=2',
    });
    t.match(held.body, {
      state: 'open',
      expires_at: '2026-11-20T12:02:00.000Z',
      cost_nano_usd: '240',
      operations: [
        {
          index: 0,
          name: 'external',
          provider: 'openai',
          model: 'gpt-4o-mini',
          cost_nano_usd: '200',
          meters: [
            { meter: 'cost', amount: '200' },
            { meter: 'calls.openai', amount: '1' },
            { meter: 'tokens.total', amount: '150' },
            { meter: 'tokens.openai', amount: '150' },
            { meter: 'api.requests', amount: '1' },
          ],
        },
        { index: 1, name: 'video.render', provider: 'external', model: 'video.render', cost_nano_usd: '40' },
      ],
    });
    t.strictSame(await usageOf(accountId), [0n, 240n]);

    const settled = await settle(key, held.body.id, { usage: { input: 90, output: 10 } });
    t.match(settled, {
      status: 200,
      headers: { 'ratelimit-policy': /^"/ },
      body: { outcome: 'settled', cost_nano_usd: '110', closed: false, late: false, overrun: false },
    });
    t.strictSame(await usageOf(accountId), [110n, 130n]);
    const last = await settle(key, held.body.id, {
      operation: 1,
      meters: { 'gen.video': '1', cost: '25' },
      close: true,
    });
    t.match(last.body, { outcome: 'settled', cost_nano_usd: '25', closed: true });
    t.strictSame(await usageOf(accountId), [135n, 0n]);
    t.strictSame(await usageOf(accountId, 'gen.video'), [1n, 0n]);
    const { rows } = await gateway.database.pool.query(
      'SELECT step, provider, usage_source, cost_nano_usd FROM usage_events WHERE hold_id = $1 ORDER BY call_index',
      [held.body.id],
    );
    t.strictSame(rows, [
      { step: 'external', provider: 'openai', usage_source: 'provider', cost_nano_usd: 110n },
      { step: 'video.render', provider: 'external', usage_source: 'provider', cost_nano_usd: 25n },
    ]);
    t.match((await close(key, held.body.id)).body, { outcome: 'repeated' });
  });

  await t.test('when it is settled again, then nothing changes, and other figures are refused', async (t) => {
    const { key, accountId } = await fixture.account('bea');
    const { id } = (await hold(key)).body;
    const figures = { usage: { input: 90, output: 10 } };
    const answers = await Promise.all(Array.from({ length: 8 }, () => settle(key, id, figures)));
    t.strictSame(answers.map(({ body }) => body.outcome).sort(), [
      ...Array.from({ length: 7 }, () => 'repeated'),
      'settled',
    ]);
    t.match(await settle(key, id, { usage: { input: 91, output: 10 } }), {
      status: 409,
      body: { code: 'conflict' },
    });
    t.strictSame(await usageOf(accountId), [110n, 90n]);
    t.match((await close(key, id)).body, { outcome: 'closed' });
    t.strictSame(await usageOf(accountId), [110n, 0n]);
  });

  await t.test('when 20 holds compete for room for five, then five are admitted', async (t) => {
    const { key, accountId } = await fixture.account('cleo');
    const answers = await Promise.all(Array.from({ length: 20 }, () => hold(key)));
    const admitted = answers.filter(({ status }) => status === 201);
    t.equal(admitted.length, 5);
    for (const { status, body, headers } of answers.filter((answer) => !admitted.includes(answer))) {
      t.match({ status, body }, { status: 429, body: { code: 'limit_held', plan: 'test' } });
      t.match(headers, { 'ratelimit-policy': '"cost/total";q=1000', 'retry-after': '2' });
    }
    t.strictSame(await usageOf(accountId), [0n, 1_000n]);
    await Promise.all(
      admitted.map(({ body }, index) =>
        index < 2 ? close(key, body.id) : settle(key, body.id, { usage: { input: 100 }, close: true }),
      ),
    );
    t.strictSame(await usageOf(accountId), [300n, 0n]);
  });

  await t.test('when its key is repeated, then there is one hold', async (t) => {
    const { key, accountId } = await fixture.account('dora');
    const again = { 'idempotency-key': 'order-1' };
    const first = await hold(key, [OPERATION], {}, again);
    t.equal((await hold(key, [OPERATION], {}, again)).body.id, first.body.id);
    t.match(await hold(key, [RENDER], {}, again), { status: 422, body: { code: 'idempotency_key_reused' } });
    t.strictSame(await usageOf(accountId), [0n, 200n]);
  });

  await t.test('when the outcome is unknown, then the bound counts until it is known', async (t) => {
    const { key, accountId } = await fixture.account('eve');
    const { id } = (await hold(key, [OPERATION, RENDER])).body;
    t.match((await settle(key, id, { status: 'unknown' })).body, {
      outcome: 'settled',
      cost_nano_usd: '200',
    });
    t.match((await settle(key, id, { operation: 1, status: 'unknown', close: true })).body, {
      cost_nano_usd: '40',
    });
    t.strictSame(await usageOf(accountId), [240n, 0n]);
    t.strictSame(await usageOf(accountId, 'gen.video'), [1n, 0n]);
    t.match((await settle(key, id, { status: 'unknown' })).body, { outcome: 'repeated' });
    const figures = { usage: { input: 60, output: 20 } };
    const answers = await Promise.all([settle(key, id, figures), settle(key, id, figures)]);
    t.strictSame(answers.map(({ body }) => body.outcome).sort(), ['corrected', 'repeated']);
    t.match((await settle(key, id, { operation: 1, status: 'error' })).body, { outcome: 'corrected' });
    t.strictSame(await usageOf(accountId), [100n, 0n]);
    t.strictSame(await usageOf(accountId, 'gen.video'), [0n, 0n]);
    t.match(await settle(key, id, { usage: { input: 61 } }), { status: 409 });
  });

  await t.test('when an operation used more than was held, then it counts as it was', async (t) => {
    const { key, accountId } = await fixture.account('fay');
    const { id } = (await hold(key, [OPERATION], { expires_in_seconds: 1 })).body;
    const { body } = await settle(key, id, { usage: { input: 100, output: 500 }, close: true });
    t.match(body, { overrun: true, late: false, cost_nano_usd: '1100', state: 'exhausted' });
    t.strictSame(await usageOf(accountId), [1_100n, 0n]);
    t.match(await hold(key), { status: 429, body: { code: 'limit_exceeded', limit: { asked: '200' } } });
  });

  await t.test('when several operations are checked, then the verdicts are those of holds', async (t) => {
    const { key, accountId } = await fixture.account('gina');
    const { status, body } = await check(key, [
      { ...OPERATION, output_tokens: 300 },
      OPERATION,
      { ...OPERATION, output_tokens: 100 },
      { ...RENDER, meters: { 'gen.blog': '1' } },
      { model: 'o9', input_tokens: 1 },
      { model: 'gpt-4o' },
      { model: 'gpt-0' },
      { model: 'gpt-4o-mini', units: { image: 1 } },
    ]);
    t.equal(status, 200);
    t.strictSame(
      body.operations.map(({ allowed, reason, cost_nano_usd }) => [allowed, reason, cost_nano_usd]),
      [
        [true, null, '700'],
        [true, null, '200'],
        [false, 'limit_held', '300'],
        [false, 'meter_disabled', '0'],
        [false, 'model_not_in_plan', null],
        [false, 'unpriced_model', null],
        [false, 'unknown_model', null],
        [false, 'semantic_error', null],
      ],
    );
    t.match(body, { allowed: false, cost_nano_usd: '1200' });
    t.match(body.operations[2]?.limit, { meter: 'cost', asked: '300', held: '900' });
    t.match(
      body.remaining.map(({ meter, remaining }) => [meter, remaining]),
      [
        ['cost', '1000'],
        ['gen.blog', null],
        ['tokens.total', null],
      ],
    );
    t.strictSame(await usageOf(accountId), [0n, 0n], 'nothing is held');
    t.match((await check(key, [OPERATION, RENDER])).body, { allowed: true, cost_nano_usd: '240' });
  });

  await t.test('when a stop is in force, then nothing is held', async (t) => {
    const { key, accountId } = await fixture.account('hana');
    const stop = await fixture.ledger.stop({
      ...{ id: gateway.newId(), kind: 'model', target: 'openai/gpt-4o-mini' },
      ...{ reason: 'note', author: 'staff' },
    });
    t.match(await hold(key), {
      status: 503,
      body: {
        code: 'emergency_stop',
        detail: /checking an invoice/,
        stop: 'model:openai/gpt-4o-mini',
        expected_until: IN_AN_HOUR.toISOString(),
      },
      headers: { 'retry-after': '3600', 'x-should-retry': 'false' },
    });
    t.match((await check(key, [OPERATION, RENDER])).body.operations, [
      { allowed: false, reason: 'emergency_stop' },
      { allowed: true },
    ]);
    await fixture.ledger.liftStop({ id: stop.id, author: 'staff' });
    t.strictSame(await usageOf(accountId), [0n, 0n]);
  });

  await t.test('then only those who may settle it do', async (t) => {
    const ida = await fixture.account('ida', 10_000n);
    const other = await fixture.account('jana');
    const member = await addMember(gateway, ida, 'kim', 'member');
    const { id } = (await hold(ida.key)).body;
    for (const as of [other.key, member.access_token])
      t.match(await settle(as, id, { usage: {} }), { status: 404, body: { code: 'not_found' } });
    t.match(await close(other.key, id), { status: 404 });
    t.equal((await settle(ida.access_token, id, { usage: {}, close: true })).status, 200);

    const reader = await createKey(gateway, ida.access_token, { scopes: ['generate'] });
    t.match(await hold(reader.key), {
      status: 403,
      body: { code: 'insufficient_scope', required_scope: 'usage:write' },
    });
    t.equal((await check(reader.key, [OPERATION])).status, 200);
    for (const path of ['/api/check', '/api/holds', `/api/holds/${id}/settle`, `/api/holds/${id}/close`])
      t.match(await gateway.call('POST', path, { body: {} }), { status: 401 }, path);
  });

  await t.test('then a hold of a metered request cannot be settled', async (t) => {
    const { key, accountId } = await fixture.account('lea');
    const id = gateway.newId();
    await fixture.ledger.hold({
      ...{ id, accountId, userId: null, keyId: null, workspaceId: null, ttlMs: 60_000, keepRefusal: true },
      ...{ meters: { cost: 10n }, targets: [], detail: JSON.stringify({ kind: 'chat', calls: [] }) },
    });
    t.match(await settle(key, id, {}), { status: 404 });
    t.match(await close(key, id), { status: 404 });
  });

  await t.test('then bad input gets a clear answer', async (t) => {
    const { key } = await fixture.account('mia', 10_000n);
    const many = Array.from({ length: 51 }, () => OPERATION);
    for (const operations of [
      [],
      many,
      [{}],
      [{ name: 'Big' }],
      [{ meters: { 'kb.files': '1' } }],
      [{ meters: { unheard: '1' } }],
      [{ meters: { cost: '-1' } }],
      [{ meters: { cost: 1 } }],
      [{ input_tokens: 5, meters: { cost: '1' } }],
      [{ ...OPERATION, input_tokens: -1 }],
      [{ ...OPERATION, colour: 'red' }],
    ])
      t.match(await hold(key, operations), { status: 400, body: { code: 'invalid_request' } });
    t.match(await hold(key, [OPERATION], { expires_in_seconds: 3_601 }), { status: 400 });
    t.match(await hold(key, [{ model: 'gpt-4o-mini', units: { image: 1 } }]), {
      status: 422,
      body: { code: 'semantic_error', param: 'operations.0' },
    });
    t.match(await hold(key, [{ model: 'o9' }]), { status: 403, body: { code: 'model_not_in_plan' } });
    const { id } = (await hold(key)).body;
    t.match(await settle(key, id, {}), { status: 422, body: { param: 'usage' } });
    t.match(await settle(key, id, { usage: { image: 1 } }), { status: 422, body: { param: 'usage' } });
    t.match(await settle(key, id, { operation: 1, usage: {} }), {
      status: 422,
      body: { param: 'operation' },
    });
    t.match(await settle(key, gateway.newId(), { usage: {} }), { status: 404 });
    t.match(await settle(key, 'nonsense', { usage: {} }), { status: 400 });
    t.match(
      await gateway.call('POST', '/api/holds', { as: key, body: { operations: ['x'.repeat(3_000_000)] } }),
      { status: 413 },
    );
  });

  t.strictSame(await fixture.breaches(), []);
});
