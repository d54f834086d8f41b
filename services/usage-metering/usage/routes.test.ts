import t from 'tap';
import type { LimitWire } from '#libs/contracts/limits.ts';
import type { UsageReport } from '#libs/contracts/usage.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { recordWithin } from '#libs/ledger/quota-resources.ts';
import {
  ACCOUNT,
  addMembers,
  type CallerName,
  createBalances,
  createTestService,
  MEMBER,
  OTHER_ACCOUNT,
  OTHER_OWNER,
  OWNER,
  type TestService,
} from '../fixtures.ts';

type Body = { success: boolean; data: UsageReport };

const USAGE = '/api/subscription/usage';

async function read(service: TestService, caller: CallerName, url = USAGE) {
  const { status, body } = await service.call<Body>('GET', url, { as: caller });
  return { status, report: body.data };
}

function limitOf(report: UsageReport, meter: string): LimitWire {
  const limit = report.limits.find((one) => one.meter === meter);
  if (limit === undefined) throw new Error(`There is no limit of ${meter}.`);
  return limit;
}

/** Holds and settles one call. */
async function spend(
  { ledger, runtime }: TestService,
  accountId: string,
  options: { cost: bigint; provider?: string; model?: string; userId?: string; status?: 'ok' | 'error' },
) {
  const { cost, provider = 'openai', model = 'gpt-4o-mini', userId = OWNER, status = 'ok' } = options;
  const id = runtime.newId();
  const meters = { cost, 'tokens.total': 30n };
  const { verdict } = await ledger.hold(testHold(accountId, id, meters, { userId }));
  if (verdict !== 'ok') throw new Error(verdict);
  await ledger.settle(
    testSettle(accountId, id, meters, { facts: { provider, model, status, latencyMs: 100 } }),
  );
}

t.test('given an account that has used several models', async (t) => {
  const service = await createTestService(t);
  const { pool, ledger, runtime } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  await addMembers(pool, ACCOUNT, [OWNER, MEMBER]);
  await spend(service, ACCOUNT, { cost: 1_000_001n });
  await spend(service, ACCOUNT, { cost: 2_000_000n, status: 'error' });
  await spend(service, ACCOUNT, { cost: 4_000_000n, userId: MEMBER });
  await spend(service, ACCOUNT, { cost: 40_000_000n, provider: 'anthropic', model: 'claude-sonnet-4-5' });
  await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 5_000_000n, 'tokens.total': 100n }));

  await t.test('then every limit shows used, held and remaining amounts', async (t) => {
    const { status, report } = await read(service, 'owner');
    t.equal(status, 200);
    t.strictSame(limitOf(report, 'cost'), {
      meter: 'cost',
      unit: 'nano_usd',
      window: 'period',
      scope: 'account',
      scope_id: null,
      used: '47000001',
      held: '5000000',
      remaining: '47999999',
      used_usd: '0.047000001',
      held_usd: '0.005000000',
      amount: { kind: 'limited', value: '100000000', value_usd: '0.100000000' },
      label: 'Cost of AI calls',
      text: '$0.10 of AI usage per billing period',
      remaining_usd: '0.047999999',
      percentage: 47,
      state: 'ok',
      window_start: '2026-11-20T12:00:00.000Z',
      resets_at: '2026-12-20T12:00:00.000Z',
      source: 'plan:test',
    });
    t.match(limitOf(report, 'tokens.total'), { unit: 'tokens', used: '120', percentage: 0.24 });
    t.match(limitOf(report, 'images'), { amount: { kind: 'unlimited' }, remaining: null, percentage: null });
    t.match(limitOf(report, 'gen.blog'), { amount: { kind: 'disabled' }, source: 'not_in_plan:test' });
    t.equal(report.status, 'ok');
  });

  await t.test('then the breakdown adds up to the counter, to the nano-USD', async (t) => {
    const { report } = await read(service, 'owner');
    const { total, providers, first_day, last_day } = report.breakdown;
    t.equal(total.cost_nano_usd, limitOf(report, 'cost').used);
    const { rows } = await pool.query('SELECT sum(cost_nano_usd)::bigint AS cost FROM usage_events');
    t.equal(total.cost_nano_usd, String(rows[0].cost));
    t.strictSame([first_day, last_day], ['2026-11-20', '2026-11-20']);
    t.match(total, { calls: 4, errors: 1, error_percentage: 25, average_latency_ms: 100 });
    t.match(total.tokens, { input: 40, output: 80, total: 120 });
    t.strictSame(
      providers.map(({ provider, cost_usd }) => [provider, cost_usd]),
      [
        ['anthropic', '0.040000000'],
        ['openai', '0.007000001'],
      ],
    );
    t.strictSame(
      providers[1]?.models.map(({ model, calls }) => [model, calls]),
      [['gpt-4o-mini', 3]],
    );
  });

  await t.test(
    'then users see their own calls, and only the owner, admins and staff see those of others',
    async (t) => {
      for (const caller of ['owner', 'member', 'key', 'support'] as const) {
        const { status, report } = await read(service, caller, `${USAGE}/${MEMBER}`);
        t.equal(status, 200, caller);
        t.match(report, { user_id: MEMBER, account_id: ACCOUNT, breakdown: { total: { calls: 1 } } });
      }
      t.equal((await read(service, 'member', `${USAGE}/${OWNER}`)).status, 404);
      t.equal((await read(service, 'otherOwner', `${USAGE}/${OWNER}`)).status, 404);
      t.equal((await read(service, 'owner', `${USAGE}/${OTHER_OWNER}`)).status, 404);
      t.equal((await read(service, 'support', `${USAGE}/${OTHER_OWNER}`)).status, 404);
    },
  );

  await t.test('then a path without a valid id is refused', async (t) => {
    for (const bad of ['me', "'; drop table users--", '123']) {
      const answer = await service.call<{ code: string }>('GET', `${USAGE}/${encodeURIComponent(bad)}`, {
        as: 'owner',
      });
      t.equal(answer.status, 400);
      t.equal(answer.body.code, 'invalid_request');
    }
  });

  await t.test('then new windows begin without any traffic', async (t) => {
    runtime.clock.set('2026-11-21T00:00:00.000Z');
    const tomorrow = (await read(service, 'owner')).report;
    t.match(limitOf(tomorrow, 'tokens.total'), { used: '0', window_start: '2026-11-21T00:00:00.000Z' });
    t.match(limitOf(tomorrow, 'cost'), { used: '47000001' });
    runtime.clock.set('2026-12-20T12:00:00.000Z');
    const { report } = await read(service, 'owner');
    t.match(limitOf(report, 'cost'), { used: '0', held: '0', resets_at: '2027-01-20T12:00:00.000Z' });
    t.equal(report.breakdown.total.calls, 0);
    t.equal(report.breakdown.total.average_latency_ms, null);
  });
});

t.test('given limits that end and begin at a time', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  const anchor = runtime.clock.now();
  const trialEnd = new Date('2026-11-25T00:00:00.000Z');
  const cost = { scope: 'account', scopeId: '', meter: 'cost', window: 'period' } as const;
  const lines = { thresholdBps: [8000, 9000, 9500, 10_000], blocks: true, onLimit: 'deny' } as const;
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor,
    periodMonths: 1,
    segments: [
      {
        ...cost,
        ...lines,
        validFrom: null,
        validUntil: trialEnd,
        amount: { kind: 'n', n: 100n },
        source: 'trial',
      },
      {
        ...cost,
        ...lines,
        validFrom: trialEnd,
        validUntil: null,
        amount: { kind: 'n', n: 60n },
        source: 'free',
      },
      {
        ...lines,
        ...cost,
        meter: 'tokens.total',
        validFrom: trialEnd,
        validUntil: null,
        amount: { kind: 'n', n: 40n },
        source: 'free',
      },
    ],
  });
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, { cost: 57n, 'tokens.total': 30n }));
  await ledger.settle(testSettle(ACCOUNT, id, { cost: 57n, 'tokens.total': 30n }));
  t.match(limitOf((await read(service, 'owner')).report, 'cost'), {
    amount: { kind: 'limited', value: '100' },
    state: 'ok',
    source: 'trial',
  });

  runtime.clock.set(trialEnd);
  const { report } = await read(service, 'owner');
  t.match(limitOf(report, 'cost'), {
    used: '57',
    amount: { kind: 'limited', value: '60' },
    percentage: 95,
    state: 'blocked',
    source: 'free',
  });
  t.match(
    limitOf(report, 'tokens.total'),
    { used: '30', amount: { kind: 'limited', value: '40' }, percentage: 75 },
    'counted all along',
  );
  t.equal(report.status, 'blocked');
});

t.test('given a full team, then its limit is exhausted and the account is ok', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: runtime.clock.now(),
    periodMonths: 1,
    segments: [
      testSegment({ meter: 'team.members', window: 'total', n: 1n }),
      testSegment({ meter: 'cost', n: 100n }),
    ],
  });
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, { 'team.members': 1n }));
  await ledger.settle(testSettle(ACCOUNT, id, { 'team.members': 1n }));
  const { report } = await read(service, 'owner');
  t.match(limitOf(report, 'team.members'), {
    used: '1',
    amount: { kind: 'limited', value: '1' },
    state: 'exhausted',
  });
  t.equal(report.status, 'ok');
});

t.test('given limits of users and keys', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  const scoped = {
    meter: 'cost',
    window: 'month',
    validFrom: null,
    validUntil: null,
    thresholdBps: [8000, 9000, 9500, 10_000],
    blocks: true,
    onLimit: 'deny',
    source: 'test',
  } as const;
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: runtime.clock.now(),
    periodMonths: 1,
    segments: [{ ...scoped, scope: 'user', scopeId: '*', amount: { kind: 'n', n: 100n } }],
  });
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }, { userId: MEMBER }));
  await ledger.settle(testSettle(ACCOUNT, id, { cost: 10n }));
  t.match(limitOf((await read(service, 'member')).report, 'cost'), {
    used: '10',
    scope: 'user',
    scope_id: MEMBER,
  });
  t.match(
    limitOf((await read(service, 'owner')).report, 'cost'),
    { used: '0', scope_id: OWNER },
    'never seen before',
  );
  t.strictSame((await read(service, 'key')).report.limits, []);
});

t.test('given an account without balances, then billing creates them', async (t) => {
  const service = await createTestService(t);
  const { report } = await read(service, 'owner');
  t.strictSame(service.ensured, [ACCOUNT]);
  t.match(report, { as_of: '2026-11-20T12:00:00.100Z', period: { start: '2026-11-20T12:00:00.100Z' } });
  t.match(limitOf(report, 'cost'), { used: '0', amount: { kind: 'limited', value: '100000000' } });
  await read(service, 'owner');
  t.equal(service.ensured.length, 1);

  service.runtime.clock.advance(-50);
  const early = (await read(service, 'owner')).report;
  t.match(
    early.period,
    { start: '2026-11-20T12:00:00.100Z' },
    'also where the clock is behind that of billing',
  );
});

t.test('given quota resources, then they appear in the limits and not among the calls', async (t) => {
  const service = await createTestService(t);
  const { pool, ledger, runtime } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  await spend(service, ACCOUNT, { cost: 1_000_000n });
  for (const amount of [3n, -1n]) {
    await recordWithin({ $client: pool }, runtime.clock.now(), {
      id: runtime.newId(),
      owner: { accountId: ACCOUNT, userId: OWNER, keyId: null, workspaceId: null },
      meter: 'images',
      amount,
      step: 'create',
    });
  }
  const { report } = await read(service, 'owner');
  t.match(limitOf(report, 'images'), { used: '2' });
  t.equal(report.breakdown.total.calls, 1);
  t.strictSame(
    report.breakdown.providers.map(({ provider }) => provider),
    ['openai'],
  );
  const calls = await service.call<{ data: unknown[] }>('GET', '/api/usage/requests', {
    as: 'owner',
  });
  t.match(calls.body.data, [{ provider: 'openai' }]);
  const counted = await service.call<{ data: unknown[] }>('GET', '/api/usage/requests?provider=inkmeter', {
    as: 'owner',
  });
  t.match(counted.body.data, [{ model: 'images' }, { model: 'images' }], 'unless asked for');
});

t.test('given an unknown query parameter, then it is refused by name', async (t) => {
  const { call } = await createTestService(t);
  t.match(await call('GET', `/api/subscription/usage?account_id=${OTHER_ACCOUNT}`, { as: 'owner' }), {
    status: 400,
    body: {
      code: 'invalid_request',
      detail: 'account_id is not valid: There is no such field',
      param: 'account_id',
      errors: [{ in: 'query', pointer: '/account_id' }],
    },
  });
});

t.test('given no signed context, then requests are refused', async (t) => {
  const service = await createTestService(t);
  for (const url of [
    USAGE,
    '/api/usage/requests',
    '/internal/prices',
    '/api/admin/stops',
    '/api/admin/prices',
  ]) {
    t.equal((await service.call('GET', url)).status, 401, url);
  }
  t.equal((await service.call('GET', USAGE, { headers: { 'x-inkmeter-context': 'e30.AAAA' } })).status, 401);
});

t.test('given 15.75 USD and 800 calls on the tenth day of a plan of 150 USD and 5 000 calls', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, pool } = service;
  runtime.clock.set('2026-11-10T12:00:00Z');
  await addMembers(pool, ACCOUNT, [OWNER]);
  await ledger.setLimits({
    accountId: ACCOUNT,
    anchor: new Date('2026-11-01T00:00:00Z'),
    periodMonths: 1,
    segments: [
      testSegment({ meter: 'cost', n: 150_000_000_000n, window: 'period' }),
      testSegment({ meter: 'calls.gemini', n: 5_000n, window: 'period' }),
    ],
  });
  const meters = { cost: 15_750_000_000n, 'calls.gemini': 800n };
  const id = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, id, meters, { userId: OWNER }));
  await ledger.settle(
    testSettle(ACCOUNT, id, meters, { facts: { provider: 'gemini', model: 'gemini-2.5-flash' } }),
  );

  const { report } = await read(service, 'owner');
  t.equal(limitOf(report, 'calls.gemini').percentage, 16);
  t.equal(limitOf(report, 'cost').percentage, 10.5);
  t.strictSame(report.projection, {
    cost_usd: '47.250000000',
    cost_nano_usd: '47250000000',
    percentage: 31.5,
    days_begun: 10,
    days_in_period: 30,
  });
});
