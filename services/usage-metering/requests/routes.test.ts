import t from 'tap';
import type { RequestReport, UsageCall } from '#libs/contracts/usage.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { costParts, effectivePrice, type PriceRow } from '#libs/pricing/price.ts';
import { toWire } from '#libs/pricing/price-wire.ts';
import {
  ACCOUNT,
  type CallerName,
  createBalances,
  createTestService,
  KEY,
  MEMBER,
  OTHER_ACCOUNT,
  OWNER,
  type TestService,
} from '../fixtures.ts';

type Page = { data: UsageCall[]; next_cursor: string | null };
type Report = RequestReport;
type Refusal = { code: string };

const LIST = '/api/usage/requests';

const prices: PriceRow[] = (['input', 'cache_read', 'cache_write', 'output', 'reasoning'] as const).map(
  (unitClass) => ({
    provider: 'openai',
    model: 'gpt-4o-mini',
    class: unitClass,
    validFrom: '2024-07-18T00:00:00.000Z',
    picoUsdPerUnit: unitClass === 'output' ? 600_000n : 150_000n,
    fromInputTokens: 0,
  }),
);
const price = effectivePrice(prices, 'openai', 'gpt-4o-mini', new Date('2026-11-20T00:00:00Z'));
if (price === undefined) throw new Error('unpriced');

/** The plan as the gateway leaves it with the hold. */
const detail = JSON.stringify({
  kind: 'chat',
  calls: [
    {
      index: 0,
      step: 'chat',
      provider: 'openai',
      model: 'gpt-4o-mini',
      upstreamModel: 'gpt-4o-mini',
      inputTokens: 100,
      outputTokens: 200,
      choices: 1,
      otherUnits: {},
      counts: {},
      price: toWire(price),
    },
  ],
});

async function call(
  service: TestService,
  accountId = ACCOUNT,
  {
    model = 'gpt-4o-mini',
    userId = OWNER as string | null,
    keyId = null as string | null,
    status = 'ok' as 'ok' | 'error' | 'aborted',
    step = 'chat',
  } = {},
) {
  const id = service.runtime.newId();
  await service.ledger.hold(testHold(accountId, id, { cost: 10n }, { userId, keyId }));
  await service.ledger.settle(testSettle(accountId, id, { cost: 10n }, { facts: { model, status, step } }));
  return id;
}

t.test('given one metered call', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, pool } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const id = runtime.newId();
  await ledger.hold(
    testHold(ACCOUNT, id, { cost: 135_000n, 'tokens.total': 300n }, { userId: OWNER, detail }),
  );
  const units = { input: 90, output: 150, cache_read: 5 };
  const cost = costParts(units, price);
  await ledger.settle(
    testSettle(
      ACCOUNT,
      id,
      { cost: cost.totalNanoUsd, 'tokens.total': 245n },
      {
        facts: {
          inputTokens: 90,
          outputTokens: 150,
          cacheReadTokens: 5,
          inputCostNanoUsd: cost.inputNanoUsd,
          outputCostNanoUsd: cost.outputNanoUsd,
          priceVersion: price.version,
          providerRequestId: 'req_1',
        },
      },
    ),
  );

  await t.test('then its report explains the decision, the plan, the call and its prices', async (t) => {
    const { status, body } = await service.call<Report>('GET', `${LIST}/${id}`, { as: 'owner' });
    t.equal(status, 200);
    const report = body;
    t.match(report, { request_id: id, account_id: ACCOUNT, user_id: OWNER, key_id: null });
    t.match(report.decision, { verdict: 'ok', stop: null, decided_at: '2026-11-20T12:00:00.000Z' });
    t.match(report.decision.explanation, /Admitted.*tokens\.total had 0 used/);
    t.strictSame(report.decision.asked, [
      { meter: 'cost', unit: 'nano_usd', amount: '135000', amount_usd: '0.000135000' },
      { meter: 'tokens.total', unit: 'tokens', amount: '300' },
    ]);
    t.strictSame(
      report.decision.limits.map((limit) => [limit.binding, limit.meter, limit.used, limit.amount]),
      [
        [true, 'tokens.total', '0', { kind: 'limited', value: '50000' }],
        [false, 'cost', '0', { kind: 'limited', value: '100000000', value_usd: '0.100000000' }],
      ],
    );
    t.match(report.hold, { state: 'closed', remaining: [] });
    t.match(report.call_plan?.calls, [
      { input_tokens: 100, output_tokens: 200, worst_case_usd: '0.000135000' },
    ]);
    t.strictSame(report.calls[0]?.priced_units, [
      {
        class: 'input',
        units: 90,
        per: 'million_tokens',
        price_usd: '0.150000',
        text: '$0.15 per 1M tokens',
      },
      {
        class: 'cache_read',
        units: 5,
        per: 'million_tokens',
        price_usd: '0.150000',
        text: '$0.15 per 1M tokens',
      },
      {
        class: 'output',
        units: 150,
        per: 'million_tokens',
        price_usd: '0.600000',
        text: '$0.60 per 1M tokens',
      },
    ]);
    t.match(report.calls[0], {
      cost_nano_usd: '104250',
      cost_usd: '0.000104250',
      input_cost_usd: '0.000014250',
      output_cost_usd: '0.000090000',
      tokens: { input: 90, cache_read: 5, cache_write: null, output: 150, reasoning: null },
      price_version: price.version,
      provider_request_id: 'req_1',
      late: false,
      overrun: false,
    });
    t.match(report.totals, { calls: 1, cost_nano_usd: '104250', tokens: { total: 245 } });
  });

  await t.test('then a refused request is explained too', async (t) => {
    const refused = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, refused, { cost: 100_000_000n }, { userId: OWNER, detail }));
    const { body } = await service.call<Report>('GET', `${LIST}/${refused}`, { as: 'owner' });
    t.match(body, { hold: null, calls: [], totals: { calls: 0, cost_usd: '0.000000000' } });
    t.equal(body.decision.verdict, 'limit_exceeded');
    t.equal(
      body.decision.explanation,
      'Refused: its worst case exceeded the remaining amount. cost had 0.000104250 USD used and ' +
        '0.000000000 USD held of 0.100000000 USD a period, and the request asked for up to 0.100000000 USD.',
    );
    t.match(body.decision.limits, [{ binding: true, used: '104250', remaining: '99895750' }]);
    t.equal(body.call_plan?.calls.length, 1);
  });

  await t.test('then the report names a disabled meter and an emergency stop', async (t) => {
    const disabled = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, disabled, { 'gen.blog': 1n }, { userId: OWNER }));
    const first = await service.call<Report>('GET', `${LIST}/${disabled}`, { as: 'owner' });
    t.match(first.body.decision, {
      verdict: 'meter_disabled',
      explanation: /does not include gen\.blog/,
    });
    t.equal(first.body.call_plan, null, 'a detail that is no plan is left out');

    await ledger.stop({
      id: runtime.newId(),
      kind: 'provider',
      target: 'openai',
      reason: 'test',
      author: 'me',
    });
    const stopped = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, stopped, { cost: 1n }, { userId: OWNER }));
    const second = await service.call<Report>('GET', `${LIST}/${stopped}`, { as: 'owner' });
    t.match(second.body.decision, { verdict: 'stopped', stop: 'provider:openai' });
    t.match(second.body.decision.explanation, /provider:openai/);
  });

  await t.test('then only its user, the account and staff see it', async (t) => {
    for (const caller of ['otherOwner', 'member'] as const) {
      const { status, body } = await service.call<Refusal>('GET', `${LIST}/${id}`, { as: caller });
      t.equal(status, 404, caller);
      t.equal(body.code, 'not_found');
    }
    for (const caller of ['support', 'admin', 'key'] as const) {
      t.equal((await service.call('GET', `${LIST}/${id}`, { as: caller })).status, 200, caller);
    }
    t.equal((await service.call('GET', `${LIST}/${runtime.newId()}`, { as: 'owner' })).status, 404);
    t.equal((await service.call('GET', `${LIST}/1%20OR%201=1`, { as: 'owner' })).status, 400);
  });

  await t.test('then the calls add up to the counter', async (t) => {
    const { rows } = await pool.query(
      `SELECT (SELECT sum(cost_nano_usd) FROM usage_events) = used AS same FROM ledger_counters WHERE meter = 'cost'`,
    );
    t.strictSame(rows, [{ same: true }]);
  });
});

t.test('given calls that are late or cost more than held', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }));
  t.match((await service.call<Report>('GET', `${LIST}/${id}`, { as: 'key' })).body.hold, {
    state: 'open',
    closed_at: null,
    remaining: [{ meter: 'cost', amount: '10' }],
  });
  runtime.clock.advance(61_000);
  await ledger.expire(10);
  await ledger.settle(testSettle(ACCOUNT, id, { cost: 11n }));
  const { body } = await service.call<Report>('GET', `${LIST}/${id}`, { as: 'key' });
  t.match(body.hold, { state: 'expired', remaining: [] });
  t.match(body.calls, [{ late: true, cost_nano_usd: '11' }]);
});

t.test('given many calls', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  await createBalances(ledger, OTHER_ACCOUNT, runtime.clock.now());
  const ids: string[] = [];
  for (let n = 0; n < 7; n += 1) {
    // Three at one instant: the order must not depend on time alone.
    if (n > 2) runtime.clock.advance(1);
    ids.unshift(
      await call(service, ACCOUNT, n === 4 ? { userId: MEMBER, status: 'error', model: 'o4-mini' } : {}),
    );
  }
  const foreign = await call(service, OTHER_ACCOUNT);
  const byKey = await call(service, ACCOUNT, { userId: null, keyId: KEY });
  ids.unshift(byKey);

  const list = async (query: string, caller: CallerName = 'owner') =>
    (await service.call<Page>('GET', `${LIST}${query}`, { as: caller })).body;

  await t.test('then pages have no gaps and no repetitions', async (t) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Page = await list(`?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.data.map((one) => one.request_id));
      cursor = page.next_cursor;
      pages += 1;
    } while (cursor !== null);
    t.strictSame(seen, ids);
    t.equal(pages, 3);
    t.notOk(seen.includes(foreign));
  });

  await t.test('then filters select, and members see their own', async (t) => {
    t.equal((await list('?status=error')).data.length, 1);
    t.equal((await list('?model=o4-mini&provider=openai')).data.length, 1);
    t.equal((await list('?provider=anthropic')).data.length, 0);
    t.equal((await list("?model=' OR '1'='1")).data.length, 0);
    t.strictSame(
      (await list('', 'member')).data.map((one) => one.user_id),
      [MEMBER],
    );
    t.equal((await list('', 'key')).data.length, ids.length);
    t.match((await list('?limit=1')).data, [{ user_id: null, key_id: KEY }]);
  });

  await t.test('then forged cursors and invalid sizes are refused', async (t) => {
    const forged = Buffer.from(JSON.stringify(['infinity', ids[0], 0])).toString('base64url');
    for (const query of ['?cursor=x', `?cursor=${forged}`, '?limit=0', '?limit=1000', '?status=fine']) {
      const { status, body } = await service.call<Refusal>('GET', `${LIST}${query}`, { as: 'owner' });
      t.equal(status, 400, query);
      t.equal(body.code, 'invalid_request');
    }
  });
});
