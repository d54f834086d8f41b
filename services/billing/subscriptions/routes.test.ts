import t from 'tap';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  callerWith,
  customer,
  type Events,
  emitted,
  markPaid,
  type Refusal,
  requestsOf,
} from '../customers.fixture.ts';
import { ACCOUNT, createTestService, KEY, notificationsDuring, OTHER_ACCOUNT } from '../fixtures.ts';

type Preview = { data: ChangePreview };

const PREVIEW = '/api/subscription/preview';
const CHANGES: [url: string, body: unknown][] = [
  ['/api/plans/upgrade', { plan: 'pro' }],
  ['/api/plans/start-trial', { plan: 'pro' }],
  ['/api/subscription/upgrade', { plan: 'pro' }],
  ['/api/subscription/downgrade', { plan: 'free' }],
  ['/api/subscription/cancel', undefined],
  ['/api/subscription/resume', undefined],
];

t.test('given callers without the right to change a subscription', async (t) => {
  const service = await createTestService(t);
  const { call } = service;

  await t.test('then requests without a signed context are refused', async (t) => {
    for (const [url, body] of CHANGES) t.equal((await call('POST', url, { body })).status, 401, url);
    for (const url of [`${PREVIEW}?plan=pro`, '/api/subscription/events']) {
      t.equal((await call('GET', url)).status, 401, url);
    }
  });

  await t.test('then members and keys with one scope are refused', async (t) => {
    const key = callerWith({ userId: null, keyId: KEY, role: 'member', scopes: ['billing:read'] });
    for (const caller of [callerWith({ role: 'member' }), key]) {
      for (const [url, body] of CHANGES) {
        const answer = await call<Refusal>('POST', url, { as: caller, body });
        t.strictSame([answer.status, answer.body.code], [403, 'role_required'], url);
      }
    }
    t.strictSame(await requestsOf(service), []);
  });

  await t.test('then admins and keys with every scope are admitted', async (t) => {
    const key = callerWith({ userId: null, keyId: KEY, role: 'member' });
    for (const caller of [callerWith({ role: 'admin' }), key]) {
      const { status } = await call('POST', '/api/plans/upgrade', { as: caller, body: { plan: 'pro' } });
      t.equal(status, 402);
    }
  });
});

t.test('given invalid requests', async (t) => {
  const service = await createTestService(t);
  const { post, get, upgrade } = customer(service);
  const cases: [string, unknown, number, string][] = [
    ['/api/subscription/upgrade', {}, 400, 'invalid_request'],
    ['/api/subscription/upgrade', { plan: 'pro', cycle: 'week' }, 400, 'invalid_request'],
    ['/api/subscription/upgrade', { plan: 'pro', price: 0 }, 400, 'invalid_request'],
    ['/api/plans/upgrade', { plan: 7 }, 400, 'invalid_request'],
    ['/api/subscription/upgrade', { plan: 'platinum' }, 404, 'unknown_plan'],
    ['/api/subscription/downgrade', { plan: 'platinum' }, 404, 'unknown_plan'],
    ['/api/subscription/downgrade', {}, 400, 'invalid_request'],
    ['/api/subscription/cancel', undefined, 409, 'plan_change_not_allowed'],
  ];
  for (const [url, body, status, code] of cases) {
    const answer = await post<Refusal>(url, body);
    t.strictSame([answer.status, answer.body.code], [status, code], `${url} ${JSON.stringify(body)}`);
  }
  const unknown = await get<Refusal>(`${PREVIEW}?plan=platinum`);
  t.strictSame(
    [unknown.status, unknown.body.code, unknown.body.available_plans],
    [404, 'unknown_plan', ['free', 'basic', 'pro', 'enterprise']],
  );
  t.equal((await get(PREVIEW)).status, 400);
  t.equal((await get(`${PREVIEW}?plan=pro&cycle=day`)).status, 400);
  t.match((await upgrade('free')).body, { code: 'plan_change_not_allowed', reason: 'already_on_plan' });
  t.match((await post('/api/subscription/downgrade', { plan: 'pro' })).body, { reason: 'not_a_lower_rank' });
  t.equal((await post('/api/subscription/resume')).status, 200, 'there is nothing to withdraw');
  t.strictSame(await requestsOf(service), []);
});

t.test('given an account on the free plan', async (t) => {
  const service = await createTestService(t);
  const { runtime, pool, ledger } = service;
  const { upgrade, current, get, kinds } = customer(service);

  await t.test('when it requests a paid plan, then payment is required and nothing changes', async (t) => {
    const { status, body } = await upgrade('pro');
    t.equal(status, 402);
    t.equal(body.code, 'payment_required');
    t.match(body.payment_request, {
      kind: 'new_period',
      plan: 'pro',
      cycle: 'month',
      amount_minor: 7900,
      status: 'open',
      created_at: '2026-11-20T12:00:00.000Z',
      expires_at: '2026-12-20T12:00:00.000Z',
    });
    t.equal(body.payment_request?.instructions, `Pay 79.00 USD for ${body.payment_request?.id}.`);
    t.match(await current(), { plan: 'free', status: 'active' });
    t.equal(
      (await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 2_000_000_001n }))).verdict,
      'limit_exceeded',
    );
  });

  await t.test('when it sends twenty requests at once, then there is one payment request', async (t) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => upgrade('pro')));
    t.ok(answers.every(({ status }) => status === 402));
    t.equal(new Set(answers.map(({ body }) => body.payment_request?.id)).size, 1);
    t.equal((await requestsOf(service)).length, 1);
    t.match(await emitted(service, 'payment.requested'), [
      { account_id: ACCOUNT, payload: { plan: 'pro', amount_minor: 7900, status: 'open' } },
    ]);
    t.equal((await emitted(service, 'payment.requested')).length, 1);
  });

  await t.test('when it requests another plan, then only that request is open', async (t) => {
    const { body } = await upgrade('enterprise', 'year');
    t.match(body.payment_request, { plan: 'enterprise', cycle: 'year', amount_minor: 199_000 });
    t.match(await requestsOf(service), [
      { status: 'void', plan_key: 'pro', note: 'replaced' },
      { status: 'open', plan_key: 'enterprise' },
    ]);
    await upgrade('pro');
  });

  await t.test('when it has usage and pays, then a new period starts at once', async (t) => {
    const hold = runtime.newId();
    await ledger.hold(testHold(ACCOUNT, hold, { 'gen.blog': 5n }));
    await ledger.settle(testSettle(ACCOUNT, hold, { 'gen.blog': 5n }));
    runtime.clock.advance(3_600_000);
    const open = (await requestsOf(service)).find(({ status }) => status === 'open');
    const heard = await notificationsDuring(pool, async () => {
      const { status, body } = await markPaid(service, open?.id, 'Transfer 17');
      t.equal(status, 200);
      t.match(body, { status: 'paid', note: 'Transfer 17' });
    });
    t.strictSame(heard, [{ kind: 'account', id: ACCOUNT }]);
    t.match(await current(), {
      plan: 'pro',
      plan_source: 'subscription',
      status: 'active',
      started_at: '2026-11-20T13:00:00.000Z',
      updated_at: '2026-11-20T13:00:00.000Z',
      current_period: { start: '2026-11-20T13:00:00.000Z', end: '2026-12-20T13:00:00.000Z' },
      access_ends_at: '2026-12-23T13:00:00.000Z',
      complimentary: false,
    });
    t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': 500n }))).verdict, 'ok');
  });

  await t.test('when it requests the same plan again, then it is refused', async (t) => {
    const again = await upgrade('pro');
    t.match([again.status, again.body.reason], [409, 'already_on_plan']);
    const lower = await upgrade('basic');
    t.match(
      [lower.status, lower.body.code, lower.body.reason],
      [409, 'plan_change_not_allowed', 'not_a_higher_rank'],
    );
  });

  await t.test('then each event is listed once, newest first, in pages', async (t) => {
    t.strictSame(await kinds(), [
      'payment_requested',
      'payment_voided',
      'payment_requested',
      'payment_voided',
      'payment_requested',
      'payment_received',
      'plan_changed',
    ]);
    const first = (await get<Events>('/api/subscription/events?limit=3')).body;
    t.match(first.data[0], { kind: 'plan_changed', data: { from: 'free', to: 'pro' } });
    const rest = await get<Events>(`/api/subscription/events?limit=100&cursor=${first.next_cursor}`);
    t.equal(rest.body.data.length, 4);
    t.equal(rest.body.next_cursor, null);
    const changes = await get<Events>('/api/subscription/events?kind=plan_changed&limit=100');
    t.strictSame([...new Set(changes.body.data.map(({ kind }) => kind))], ['plan_changed']);
    const { occurred_at: from } = rest.body.data[1] as { occurred_at: string };
    const since = await get<Events>(`/api/subscription/events?limit=100&from=${from}`);
    t.ok(since.body.data.length > 0 && since.body.data.every(({ occurred_at }) => occurred_at >= from));
    const before = await get<Events>(`/api/subscription/events?limit=100&to=${from}`);
    t.ok(before.body.data.every(({ occurred_at }) => occurred_at < from));
    t.equal(since.body.data.length + before.body.data.length, 7);
    t.equal((await get('/api/subscription/events?kind=something')).status, 400);
    t.equal((await get('/api/subscription/events?limit=0')).status, 400);
    t.equal((await get('/api/subscription/events?cursor=x')).status, 400);
    t.strictSame(await customer(service, OTHER_ACCOUNT).events(), [], 'other accounts do not see them');
  });
});

t.test('given a monthly plan', async (t) => {
  const service = await createTestService(t);
  const { runtime } = service;
  const { buy, upgrade, get, current } = customer(service);
  await buy('basic');
  const preview = async (query: string) => (await get<Preview>(`${PREVIEW}?${query}`)).body.data;
  // Half of the period of 30 days is left.
  runtime.clock.set('2026-12-05T12:00:00.000Z');

  await t.test('then a preview prorates by seconds and lists the changes', async (t) => {
    const pro = await preview('plan=pro');
    t.match(pro, {
      plan: 'pro',
      cycle: 'month',
      direction: 'upgrade',
      available: true,
      effective: 'on_payment',
      effective_at: null,
      amount_due_now_minor: 2500,
      recurring_minor: 7900,
      proration: {
        period: { start: '2026-11-20T12:00:00.000Z', end: '2026-12-20T12:00:00.000Z' },
        period_seconds: 2_592_000,
        remaining_seconds: 1_296_000,
        charge_minor: 3950,
        credit_minor: 1450,
      },
    });
    t.ok(pro.changes.features_gained.includes('bulk_operations'));
    t.strictSame(pro.changes.features_lost, []);
    t.match(
      pro.changes.limits.find(({ meter }) => meter === 'gen.blog'),
      {
        before: { kind: 'limited', value: '50' },
        after: { kind: 'limited', value: '500' },
        change: 'raised',
      },
    );
    t.match(await preview('plan=pro&cycle=year'), {
      amount_due_now_minor: 79_000 - 1450,
      recurring_minor: 79_000,
      proration: { charge_minor: 79_000, credit_minor: 1450 },
    });
    t.match(await preview('plan=basic&cycle=year'), {
      direction: 'upgrade',
      amount_due_now_minor: 29_000 - 1450,
    });
    t.match(await preview('plan=basic'), {
      direction: 'same',
      available: false,
      unavailable_reason: 'already_on_plan',
      effective: null,
      amount_due_now_minor: 0,
    });
    t.match(await preview('plan=free'), {
      direction: 'downgrade',
      effective: 'period_end',
      effective_at: '2026-12-20T12:00:00.000Z',
      amount_due_now_minor: 0,
      recurring_minor: 0,
      proration: null,
    });
    t.match(await current(), { plan: 'basic' }, 'a preview changes nothing');
  });

  await t.test('then the last second costs at least one cent', async (t) => {
    runtime.clock.set('2026-12-20T11:59:59.000Z');
    t.match(await preview('plan=pro'), { amount_due_now_minor: 1, proration: { remaining_seconds: 1 } });
    runtime.clock.set('2026-12-05T12:00:00.000Z');
  });

  await t.test('when it upgrades and pays later, then the period and the quoted price stay', async (t) => {
    const { body } = await upgrade('pro');
    t.match(body.payment_request, {
      kind: 'rest_of_period',
      amount_minor: 2500,
      expires_at: '2026-12-20T12:00:00.000Z',
    });
    runtime.clock.advance(86_400_000);
    t.match((await upgrade('pro')).body.payment_request, {
      id: body.payment_request?.id,
      amount_minor: 2500,
    });
    await markPaid(service, body.payment_request?.id ?? '');
    t.match(await current(), {
      plan: 'pro',
      started_at: '2026-11-20T12:00:00.000Z',
      updated_at: '2026-12-06T12:00:00.000Z',
      current_period: { start: '2026-11-20T12:00:00.000Z', end: '2026-12-20T12:00:00.000Z' },
    });
  });

  await t.test('when it changes to a year, then the year starts when the credit was computed', async (t) => {
    runtime.clock.set('2026-12-10T12:00:00.000Z');
    const { body } = await upgrade('pro', 'year');
    // A third of 79 USD is left of the month.
    t.match(body.payment_request, { kind: 'new_period', cycle: 'year', amount_minor: 79_000 - 2633 });
    runtime.clock.advance(5 * 86_400_000);
    await markPaid(service, body.payment_request?.id ?? '');
    t.match(await current(), {
      cycle: 'year',
      current_period: { start: '2026-12-10T12:00:00.000Z', end: '2027-12-10T12:00:00.000Z' },
    });
    const monthly = await upgrade('enterprise', 'month');
    t.match([monthly.status, monthly.body.reason], [409, 'cycle_too_short']);
    t.match((await upgrade('enterprise')).body.payment_request, { cycle: 'year', kind: 'rest_of_period' });
  });
});

t.test('given a prorated upgrade that is not paid before the period ends, then it is void', async (t) => {
  const service = await createTestService(t);
  const { buy, upgrade, current } = customer(service);
  await buy('basic');
  service.runtime.clock.set('2026-12-19T12:00:00.000Z');
  const { body } = await upgrade('enterprise');
  service.runtime.clock.set('2026-12-20T12:00:00.000Z');
  const paid = await markPaid(service, body.payment_request?.id ?? '');
  t.match([paid.status, paid.body.code], [409, 'conflict']);
  t.match(await current(), { plan: 'basic', status: 'past_due' });
});
