import t from 'tap';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  ACCOUNT,
  announcements,
  createTestService,
  DEFAULT_CATALOGUE,
  KEY,
  OTHER_ACCOUNT,
  TEST_PAYMENT_TERMS,
  type TestService,
} from '../fixtures.ts';
import {
  addAccount,
  callerWith,
  createJobs,
  customer,
  type Events,
  markPaid,
  type Refusal,
  readPreset,
} from '../lifecycle.fixture.ts';

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

const requestsOf = async ({ pool }: TestService) =>
  (await pool.query('SELECT id, status, plan_key, amount_minor, note FROM payment_requests ORDER BY id'))
    .rows;

t.test('given people who may not decide about money', async (t) => {
  const service = await createTestService(t);
  const { send, sendBy } = service;

  await t.test('then nobody gets in without a signed context', async (t) => {
    for (const [url, body] of CHANGES) t.equal((await send(null, 'POST', url, body)).status, 401, url);
    for (const url of [`${PREVIEW}?plan=pro`, '/api/subscription/events']) {
      t.equal((await send(null, 'GET', url)).status, 401, url);
    }
  });

  await t.test('then members and keys of one scope are refused', async (t) => {
    const key = callerWith({ userId: null, keyId: KEY, role: 'member', scopes: ['billing:read'] });
    for (const caller of [callerWith({ role: 'member' }), key]) {
      for (const [url, body] of CHANGES) {
        const answer = await sendBy<Refusal>(caller, 'POST', url, body);
        t.strictSame([answer.status, answer.body.code], [403, 'role_required'], url);
      }
    }
    t.strictSame(await requestsOf(service), []);
  });

  await t.test('then admins and keys that may do everything are not', async (t) => {
    const key = callerWith({ userId: null, keyId: KEY, role: 'member' });
    for (const caller of [callerWith({ role: 'admin' }), key]) {
      const { status } = await sendBy(caller, 'POST', '/api/plans/upgrade', { plan: 'pro' });
      t.equal(status, 402);
    }
  });
});

t.test('given requests that make no sense', async (t) => {
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
  t.equal((await post('/api/subscription/resume')).status, 200, 'there is nothing to take back');
  t.strictSame(await requestsOf(service), []);
});

t.test('given an account on the free plan', async (t) => {
  const service = await createTestService(t);
  const { runtime, pool, ledger } = service;
  const { upgrade, current, get, kinds } = customer(service);

  await t.test('when it asks for a paid plan, then it is asked to pay and has nothing yet', async (t) => {
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
    t.match(await current(), { plan: { key: 'free' }, status: 'active' });
    t.equal(
      (await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 2_000_000_001n }))).verdict,
      'limit_exceeded',
    );
  });

  await t.test('when it clicks twenty times at once, then there is one payment request', async (t) => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => upgrade('pro')));
    t.ok(answers.every(({ status }) => status === 402));
    t.equal(new Set(answers.map(({ body }) => body.payment_request?.id)).size, 1);
    t.equal((await requestsOf(service)).length, 1);
  });

  await t.test('when it changes its mind, then only the last one is open', async (t) => {
    const { body } = await upgrade('enterprise', 'year');
    t.match(body.payment_request, { plan: 'enterprise', cycle: 'year', amount_minor: 199_000 });
    t.match(await requestsOf(service), [
      { status: 'void', plan_key: 'pro', note: 'replaced' },
      { status: 'open', plan_key: 'enterprise' },
    ]);
    await upgrade('pro');
  });

  await t.test(
    'when it has used something and pays, then a new period begins in the same instant',
    async (t) => {
      const hold = runtime.newId();
      await ledger.hold(testHold(ACCOUNT, hold, { 'gen.blog': 5n }));
      await ledger.settle(testSettle(ACCOUNT, hold, { 'gen.blog': 5n }));
      runtime.clock.advance(3_600_000);
      const open = (await requestsOf(service)).find(({ status }) => status === 'open');
      const heard = await announcements(pool, async () => {
        const { status, body } = await markPaid(service, open?.id, 'Transfer 17');
        t.equal(status, 200);
        t.match(body.data, { status: 'paid', note: 'Transfer 17' });
      });
      t.strictSame(heard, [{ kind: 'account', id: ACCOUNT }]);
      t.match(await current(), {
        plan: { key: 'pro', source: 'subscription' },
        status: 'active',
        started_at: '2026-11-20T13:00:00.000Z',
        current_period: { start: '2026-11-20T13:00:00.000Z', end: '2026-12-20T13:00:00.000Z' },
        access_ends_at: '2026-12-23T13:00:00.000Z',
        complimentary: false,
      });
      t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': 500n }))).verdict, 'ok');
    },
  );

  await t.test('when it asks for the same again, then it has it already', async (t) => {
    const again = await upgrade('pro');
    t.match([again.status, again.body.reason], [409, 'already_on_plan']);
    const lower = await upgrade('basic');
    t.match(
      [lower.status, lower.body.code, lower.body.reason],
      [409, 'plan_change_not_allowed', 'not_a_higher_rank'],
    );
  });

  await t.test('then all of it is told, once, newest first and page by page', async (t) => {
    t.strictSame(await kinds(), [
      'payment_requested',
      'payment_voided',
      'payment_requested',
      'payment_voided',
      'payment_requested',
      'payment_received',
      'plan_changed',
    ]);
    const first = (await get<Events>('/api/subscription/events?limit=3')).body.data;
    t.match(first.events[0], { kind: 'plan_changed', data: { from: 'free', to: 'pro' } });
    const rest = await get<Events>(`/api/subscription/events?limit=100&cursor=${first.next_cursor}`);
    t.equal(rest.body.data.events.length, 4);
    t.equal(rest.body.data.next_cursor, null);
    t.equal((await get('/api/subscription/events?limit=0')).status, 400);
    t.equal((await get('/api/subscription/events?cursor=x')).status, 400);
    t.strictSame(await customer(service, OTHER_ACCOUNT).events(), [], 'nobody sees those of another account');
  });
});

t.test('given a plan that is paid by the month', async (t) => {
  const service = await createTestService(t);
  const { runtime } = service;
  const { buy, upgrade, get, current } = customer(service);
  await buy('basic');
  const preview = async (query: string) => (await get<Preview>(`${PREVIEW}?${query}`)).body.data;
  // Half of the period of 30 days is left.
  runtime.clock.set('2026-12-05T12:00:00.000Z');

  await t.test('then a preview prorates by seconds and says what changes', async (t) => {
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
      { before: { kind: 'n', amount: '50' }, after: { kind: 'n', amount: '500' }, change: 'raised' },
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
    t.match(await current(), { plan: { key: 'basic' } }, 'and changes nothing');
  });

  await t.test('then one second costs a cent at least, so that nothing is given away', async (t) => {
    runtime.clock.set('2026-12-20T11:59:59.000Z');
    t.match(await preview('plan=pro'), { amount_due_now_minor: 1, proration: { remaining_seconds: 1 } });
    runtime.clock.set('2026-12-05T12:00:00.000Z');
  });

  await t.test('when it moves up and pays later, then the period and the quoted price stay', async (t) => {
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
      plan: { key: 'pro' },
      started_at: '2026-11-20T12:00:00.000Z',
      current_period: { start: '2026-11-20T12:00:00.000Z', end: '2026-12-20T12:00:00.000Z' },
    });
  });

  await t.test(
    'when it then pays by the year, then the year begins where the credit was reckoned',
    async (t) => {
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
    },
  );
});

t.test(
  'given an upgrade that is not paid before the period ends, its price is worth nothing any more',
  async (t) => {
    const service = await createTestService(t);
    const { buy, upgrade, current } = customer(service);
    await buy('basic');
    service.runtime.clock.set('2026-12-19T12:00:00.000Z');
    const { body } = await upgrade('enterprise');
    service.runtime.clock.set('2026-12-20T12:00:00.000Z');
    const paid = await markPaid(service, body.payment_request?.id ?? '');
    t.match([paid.status, paid.body.code], [409, 'conflict']);
    t.match(await current(), { plan: { key: 'basic' }, status: 'past_due' });
  },
);

t.test('given a plan that is cancelled', async (t) => {
  const service = await createTestService(t);
  const { runtime, ledger } = service;
  const { buy, post, current, upgrade, kinds } = customer(service);
  await buy('pro');
  const holdBlogs = (n: bigint) => ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': n }));

  await t.test('then it stays until its period ends, however often that is said', async (t) => {
    for (const _ of [1, 2]) {
      const { status, body } = await post('/api/subscription/cancel');
      t.equal(status, 200);
      t.match(body.data, {
        plan: { key: 'pro' },
        status: 'active',
        cancel_at_period_end: true,
        access_ends_at: '2026-12-20T12:00:00.000Z',
      });
    }
  });

  await t.test('when that is taken back, then everything is as before', async (t) => {
    for (const _ of [1, 2]) {
      const { body } = await post('/api/subscription/resume');
      t.match(body.data, { cancel_at_period_end: false, access_ends_at: '2026-12-23T12:00:00.000Z' });
    }
    t.strictSame((await kinds()).slice(-2), ['cancellation_scheduled', 'resumed']);
  });

  await t.test('when its period ends, then the default plan holds before any job has run', async (t) => {
    await post('/api/subscription/cancel');
    runtime.clock.set('2026-12-20T11:59:59.999Z');
    t.equal((await holdBlogs(100n)).verdict, 'ok');
    runtime.clock.set('2026-12-20T12:00:00.000Z');
    t.match(await holdBlogs(6n), { verdict: 'limit_exceeded', limit: { amount: 5n } });
    t.match(await current(), { plan: { key: 'free' }, status: 'active', cancel_at_period_end: false });
    t.match((await customer(service).events())[0], {
      kind: 'subscription_ended',
      occurred_at: '2026-12-20T12:00:00.000Z',
      data: { plan: 'pro', next_plan: 'free', reason: 'cancelled' },
    });
  });

  await t.test('then it can be bought anew', async (t) => {
    const { status, body } = await upgrade('pro');
    t.strictSame([status, body.payment_request?.amount_minor], [402, 7900]);
  });
});

t.test('given a downgrade with usage above the new limits', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const { runtime, ledger, pool } = service;
  const { buy, post, get, current } = customer(service);
  await buy('pro');
  const use = async (meters: Record<string, bigint>) => {
    const id = runtime.newId();
    t.equal((await ledger.hold(testHold(ACCOUNT, id, meters))).verdict, 'ok');
    await ledger.settle(testSettle(ACCOUNT, id, meters));
  };
  await use({ 'social.connections': 10n, images: 40n });

  await t.test('then the preview says what exceeds them, and what starts anew before', async (t) => {
    const { data } = (await get<Preview>(`${PREVIEW}?plan=starter`)).body;
    t.match(data, { direction: 'downgrade', effective: 'period_end', amount_due_now_minor: 0 });
    t.strictSame(
      data.over_limit.map(({ meter, used, new_limit, resets_before_change }) => [
        meter,
        used,
        new_limit,
        resets_before_change,
      ]),
      [
        ['images', '40', '10', true],
        ['social.connections', '10', '5', false],
      ],
    );
    t.ok(data.changes.features_lost.includes('full_ai'));
  });

  await t.test('when it is asked for, then it waits for the end of the period, once', async (t) => {
    for (const _ of [1, 2]) {
      const { status, body } = await post('/api/subscription/downgrade', { plan: 'starter' });
      t.equal(status, 200);
      t.match(body.data, {
        plan: { key: 'pro' },
        scheduled_change: { plan: 'starter', cycle: 'month', effective_at: '2026-12-20T12:00:00.000Z' },
      });
    }
    await use({ images: 1n });
  });

  await t.test(
    'when the period ends, then nothing is lost and new work is refused with its reason',
    async (t) => {
      runtime.clock.set('2026-12-20T12:00:00.000Z');
      await createJobs(service).renew();
      t.match(await current(), { plan: { key: 'starter' }, status: 'past_due', scheduled_change: null });
      const { rows } = await pool.query(
        'SELECT count(*)::integer AS n FROM usage_events WHERE account_id = $1',
        [ACCOUNT],
      );
      t.strictSame(rows, [{ n: 2 }], 'what was used stays on record');
      t.match(await ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'social.connections': 1n })), {
        verdict: 'limit_exceeded',
        limit: { meter: 'social.connections', used: 10n, amount: 5n, source: 'plan:starter' },
      });
      t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { images: 1n }))).verdict, 'ok');
      type Standing = {
        data: { limits: { meter: string; used: string; limit: string; can_use: boolean }[] };
      };
      const standing = (await get<Standing>('/api/plans/limits')).body.data;
      t.match(
        standing.limits.find(({ meter }) => meter === 'social.connections'),
        { used: '10', limit: '5', can_use: false, state: 'exhausted' },
      );
    },
  );
});

t.test('given a period that is owed', async (t) => {
  const service = await createTestService(t);
  const { runtime } = service;
  const { buy, post, current, upgrade } = customer(service);
  await buy('pro');
  runtime.clock.set('2026-12-21T00:00:00.000Z');

  await t.test(
    'then a downgrade asks for its payment first, and so does asking for the plan again',
    async (t) => {
      const down = await post('/api/subscription/downgrade', { plan: 'basic' });
      t.match([down.status, down.body.payment_request?.kind], [402, 'renewal']);
      t.match(down.body.payment_request, {
        plan: 'pro',
        amount_minor: 7900,
        expires_at: '2026-12-23T12:00:00.000Z',
      });
      t.ok(down.body.payment_request?.instructions);
      t.strictSame((await upgrade('pro')).body.payment_request, down.body.payment_request);
    },
  );

  await t.test('then a bigger plan takes its place at full price', async (t) => {
    const { body } = await upgrade('enterprise');
    t.match(body.payment_request, { kind: 'new_period', amount_minor: 19_900 });
    t.match((await upgrade('pro')).body.payment_request, { kind: 'renewal', amount_minor: 7900 });
  });

  await t.test('when it is cancelled, then it ends at once and nothing is owed', async (t) => {
    const { body } = await post('/api/subscription/cancel');
    t.match(body.data, { plan: { key: 'free' }, status: 'active', access_ends_at: null });
    t.ok((await requestsOf(service)).every(({ status }) => status !== 'open'));
    t.match((await post('/api/subscription/cancel')).body, { reason: 'nothing_to_cancel' });
    t.match(await current(), { plan: { key: 'free' } });
  });
});

t.test('given a year that is paid, the same plan by the month waits for its end', async (t) => {
  const service = await createTestService(t);
  const { buy, post, current } = customer(service);
  await buy('pro', 'year');
  const { body } = await post('/api/subscription/downgrade', { plan: 'pro', cycle: 'month' });
  t.match(body.data.scheduled_change, {
    plan: 'pro',
    cycle: 'month',
    effective_at: '2027-11-20T12:00:00.000Z',
  });
  await post('/api/subscription/resume');
  t.equal((await current()).scheduled_change, null);
  await post('/api/subscription/downgrade', { plan: 'free' });
  t.match(await current(), { cancel_at_period_end: true, scheduled_change: null });
});

t.test('given plans that cost nothing, or whose price is a matter of negotiation', async (t) => {
  const service = await createTestService(
    t,
    DEFAULT_CATALOGUE.replace(
      '  - key: basic',
      '  - { key: open, name: Open, rank: 5, price: { monthlyMinor: 0 } }\n  - key: basic',
    ).replace('price: { monthlyMinor: 19900, yearlyMinor: 199000 }', 'price: { monthlyMinor: null }'),
  );
  const { upgrade, get, current } = customer(service);

  await t.test('then the former take effect at once and are not paid', async (t) => {
    t.match((await get<Preview>(`${PREVIEW}?plan=open`)).body.data, {
      effective: 'now',
      amount_due_now_minor: 0,
    });
    const { status, body } = await upgrade('open');
    t.equal(status, 200);
    t.match(body.data, { plan: { key: 'open' }, status: 'active', access_ends_at: null });
    t.strictSame(await requestsOf(service), []);
  });

  await t.test('then the latter are only given by staff', async (t) => {
    t.match((await get<Preview>(`${PREVIEW}?plan=enterprise`)).body.data, {
      available: false,
      unavailable_reason: 'contact_sales',
      recurring_minor: null,
    });
    const { status, body } = await upgrade('enterprise');
    t.match([status, body.reason], [409, 'contact_sales']);
    t.match(await current(), { plan: { key: 'open' } });
  });
});

t.test('given a driver that has the money at once, then so is the plan', async (t) => {
  const orders: unknown[] = [];
  const service = await createTestService(t, DEFAULT_CATALOGUE, {
    ...TEST_PAYMENT_TERMS,
    payments: {
      driver: 'instant',
      requestPayment: async (order) => {
        orders.push(order);
        return { id: 'charge-1', status: 'paid', instructions: 'Nothing to do.' };
      },
    },
  });
  const { status, body } = await customer(service).upgrade('pro');
  t.equal(status, 200);
  t.match(body.data, { plan: { key: 'pro' }, status: 'active' });
  const [request] = await requestsOf(service);
  t.match(orders, [
    { accountId: ACCOUNT, plan: 'pro', cycle: 'month', amountMinor: 7900, idempotencyKey: request?.id },
  ]);
  t.match(request, { status: 'paid', note: 'charge-1' });
});

t.test('given a driver that fails, then nothing is given and the request is collected later', async (t) => {
  let isDown = true;
  const terms = {
    ...TEST_PAYMENT_TERMS,
    payments: {
      driver: 'shaky',
      requestPayment: async ({ idempotencyKey: id }: { idempotencyKey: string }) => {
        if (isDown) throw new Error('down');
        return { id, status: 'open' as const, instructions: 'Pay here.' };
      },
    },
  };
  const service = await createTestService(t, DEFAULT_CATALOGUE, terms);
  const { upgrade, current } = customer(service);
  t.equal((await upgrade('pro')).status, 500);
  t.match(await current(), { plan: { key: 'free' } });
  const { renew, lines } = createJobs(service, terms);
  await renew();
  t.ok(lines.some(({ level }) => level === 'error'));
  isDown = false;
  await renew();
  t.match((await upgrade('pro')).body.payment_request, { instructions: 'Pay here.' });
  t.equal((await requestsOf(service)).length, 1);
});

t.test('given a newer catalogue, then it is what upgrades are sold under', async (t) => {
  const service = await createTestService(t);
  const { buy, current, upgrade } = customer(service);
  await buy('basic');
  await service.importText(
    DEFAULT_CATALOGUE.replace(
      'monthlyMinor: 7900, yearlyMinor: 79000',
      'monthlyMinor: 8900, yearlyMinor: 89000',
    ),
  );
  t.match(await current(), { catalogue: { version: 1 }, plan: { key: 'basic' } });
  const { body } = await upgrade('pro');
  t.equal(body.payment_request?.amount_minor, 8900 - 2900);
  await markPaid(service, body.payment_request?.id ?? '');
  t.match(await current(), {
    catalogue: { version: 2 },
    plan: { key: 'pro' },
    price: { monthly_minor: 8900 },
  });
});

t.test('given an account that is gone, then nothing is sold to it', async (t) => {
  const service = await createTestService(t);
  const nobody = customer(service, service.runtime.newId());
  t.equal((await nobody.upgrade('pro')).status, 404);
  const gone = await addAccount(service);
  await service.pool.query(`UPDATE accounts SET status = 'deleted' WHERE id = $1`, [gone]);
  t.equal((await customer(service, gone).upgrade('pro')).status, 404);
  t.strictSame(await requestsOf(service), []);
});
