import t from 'tap';
import type { PaymentRequestWire } from '#libs/contracts/payment-requests.ts';
import { testHold } from '#libs/ledger/fixtures.ts';
import {
  addAccount,
  type Current,
  callerWith,
  createJobs,
  customer,
  type Events,
  markPaid,
  type Refusal,
  readPreset,
  staff,
} from '../customers.fixture.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT, STAFF, type TestService } from '../fixtures.ts';

type Requests = { data: PaymentRequestWire[]; next_cursor: string | null };

const REQUESTS = '/api/admin/payment-requests';
const ASSIGN = '/api/plans/assign';

const audited = async ({ pool }: TestService) =>
  (
    await pool.query(
      `SELECT action, actor, account_id, reason FROM audit_log WHERE action NOT LIKE 'catalogue.%' ORDER BY id`,
    )
  ).rows;

t.test('given callers without the admin role, then they change nothing', async (t) => {
  const service = await createTestService(t);
  const { upgrade, current } = customer(service);
  const { body } = await upgrade('pro');
  const path = `${REQUESTS}/${body.payment_request?.id}`;
  const assignment = { account_id: ACCOUNT, plan: 'enterprise', reason: 'Because.' };
  const writes: [string, unknown][] = [
    [ASSIGN, assignment],
    [`${path}/mark-paid`, { note: 'Trust me.' }],
    [`${path}/void`, { note: 'No.' }],
  ];
  for (const [url, payload] of writes) {
    t.equal((await service.call('POST', url, { body: payload })).status, 401, url);
    // An owner of the very account, and staff who may only read.
    for (const caller of [callerWith(), callerWith({ ...staff, platformRole: 'support' })]) {
      const answer = await service.call<Refusal>('POST', url, { as: caller, body: payload });
      t.strictSame([answer.status, answer.body.code], [403, 'platform_role_required'], url);
    }
  }
  for (const url of [REQUESTS, '/api/admin/billing-events']) {
    t.equal((await service.call('GET', url)).status, 401, url);
    t.equal((await service.call('GET', url, { as: callerWith() })).status, 403, url);
    t.equal(
      (await service.call('GET', url, { as: callerWith({ ...staff, platformRole: 'support' }) })).status,
      200,
      url,
    );
  }
  t.match(await current(), { plan: 'free' });
  t.strictSame(await audited(service), []);
});

t.test('given payment requests of several accounts', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime } = service;
  const [one, other] = [customer(service), customer(service, OTHER_ACCOUNT)];
  const id = (await one.upgrade('pro')).body.payment_request?.id ?? '';
  const otherId = (await other.upgrade('basic', 'year')).body.payment_request?.id ?? '';
  const list = async (query = '') =>
    (await service.call<Requests>('GET', `${REQUESTS}${query}`, { as: staff })).body;

  await t.test('then staff list them, newest first', async (t) => {
    const { data } = await list();
    t.strictSame(
      data.map((request) => [request.id, request.account_id, request.amount_minor, request.driver]),
      [
        [otherId, OTHER_ACCOUNT, 29_000, 'manual'],
        [id, ACCOUNT, 7900, 'manual'],
      ],
    );
    const first = await list('?limit=1');
    t.equal(first.next_cursor, otherId);
    t.equal((await list(`?limit=1&cursor=${otherId}`)).data[0]?.id, id);
    t.equal((await list(`?account_id=${ACCOUNT}`)).data.length, 1);
    t.equal((await list('?status=paid')).data.length, 0);
    const createdAt = runtime.clock.now().toISOString();
    t.strictSame((await list(`?to=${createdAt}`)).data, [], 'the end is exclusive');
    t.ok((await list(`?from=${createdAt}`)).data.length > 0);
    for (const query of ['?status=late', '?from=yesterday', '?limit=0', '?account_id=me']) {
      t.equal((await service.call('GET', `${REQUESTS}${query}`, { as: staff })).status, 400, query);
    }
  });

  await t.test('then invalid requests are refused', async (t) => {
    t.equal((await markPaid(service, runtime.newId())).status, 404);
    t.equal((await markPaid(service, 'one')).status, 400);
    t.equal((await markPaid(service, id, ' ')).status, 400);
    const withoutNote = await service.call('POST', `${REQUESTS}/${id}/mark-paid`, { as: staff, body: {} });
    t.equal(withoutNote.status, 400);
  });

  await t.test('when ten calls mark one as paid at once, then it takes effect once', async (t) => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => markPaid(service, id, `by ${n}`)));
    t.ok(answers.every(({ status }) => status === 200));
    t.equal(new Set(answers.map(({ body }) => body.note)).size, 1, 'all return the first resolution');
    const kinds = await one.kinds();
    t.strictSame(kinds, ['payment_requested', 'payment_received', 'plan_changed']);
    t.match(await audited(service), [{ action: 'payment.marked_paid', actor: STAFF, account_id: ACCOUNT }]);
    t.equal((await audited(service)).length, 1);
    t.match((await list('?status=paid')).data, [{ id, settled_by: STAFF }]);
    t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': 400n }))).verdict, 'ok');
    t.match(await other.current(), { plan: 'free' }, 'other accounts are not affected');
  });

  await t.test('then it cannot be voided', async (t) => {
    const { status, body } = await service.call<Refusal>('POST', `${REQUESTS}/${id}/void`, {
      as: staff,
      body: {
        note: 'Oops',
      },
    });
    t.strictSame([status, body.code], [409, 'conflict']);
  });

  await t.test('when one is voided, then it cannot be paid, and the next request is a new one', async (t) => {
    const withdraw = () =>
      service.call<PaymentRequestWire>('POST', `${REQUESTS}/${otherId}/void`, {
        as: staff,
        body: {
          note: 'Mistake',
        },
      });
    const answers = await Promise.all([withdraw(), withdraw()]);
    t.strictSame(
      answers.map(({ status, body }) => [status, body.status]),
      [
        [200, 'void'],
        [200, 'void'],
      ],
    );
    t.strictSame((await markPaid(service, otherId)).status, 409);
    t.match(await other.current(), { plan: 'free' });
    const next = (await other.upgrade('basic', 'year')).body.payment_request;
    t.not(next?.id, otherId);
  });

  await t.test('when one is not paid in time, then it is void', async (t) => {
    runtime.clock.advance(30 * 86_400_000);
    await createJobs(service).renew();
    t.match((await list(`?account_id=${OTHER_ACCOUNT}`)).data[0], {
      status: 'void',
      note: 'not paid in time',
      settled_by: 'billing',
    });
  });
});

t.test('given an upgrade that is marked paid and voided at once, then one of both happens', async (t) => {
  const service = await createTestService(t);
  const { upgrade, current } = customer(service);
  const id = (await upgrade('pro')).body.payment_request?.id ?? '';
  const [paid, voided] = await Promise.all([
    markPaid(service, id),
    service.call('POST', `${REQUESTS}/${id}/void`, { as: staff, body: { note: 'No.' } }),
  ]);
  t.strictSame([paid.status, voided.status].sort(), [200, 409]);
  t.equal((await current()).plan, paid.status === 200 ? 'pro' : 'free');
});

t.test('given a plan that staff assign', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const { runtime } = service;
  const { upgrade, current, events, post } = customer(service);
  const assign = (body: object) => service.call<Current & Refusal>('POST', ASSIGN, { as: staff, body });
  const gift = { account_id: ACCOUNT, plan: 'pro', reason: 'Partner' };

  await t.test('then invalid requests are refused', async (t) => {
    const cases: [object, number, string][] = [
      [{ ...gift, plan: 'platinum' }, 404, 'unknown_plan'],
      [{ ...gift, account_id: runtime.newId() }, 404, 'not_found'],
      [{ ...gift, account_id: 'me' }, 400, 'invalid_request'],
      [{ ...gift, reason: '' }, 400, 'invalid_request'],
      [{ account_id: ACCOUNT, plan: 'pro' }, 400, 'invalid_request'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await assign(body);
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body));
    }
  });

  await t.test('when it is assigned twice, then it is active at once and audited once', async (t) => {
    await upgrade('enterprise');
    for (const _ of [1, 2]) {
      const { status, body } = await assign(gift);
      t.equal(status, 200);
      t.match(body, {
        account_id: ACCOUNT,
        plan: 'pro',
        status: 'active',
        complimentary: true,
        access_ends_at: null,
      });
    }
    t.match(await audited(service), [{ action: 'plan.assigned', actor: STAFF, reason: 'Partner' }]);
    t.equal((await audited(service)).length, 1);
    const { body } = await service.call<Requests>('GET', `${REQUESTS}?status=open`, { as: staff });
    t.strictSame(body.data, [], 'the open payment request is void');
  });

  await t.test('then it renews without payment', async (t) => {
    runtime.clock.set('2027-03-01T00:00:00.000Z');
    await createJobs(service).renew();
    t.match(await current(), {
      plan: 'pro',
      status: 'active',
      current_period: { start: '2027-02-20T12:00:00.000Z', end: '2027-03-20T12:00:00.000Z' },
    });
  });

  await t.test('then an upgrade costs its full price, because nothing was paid', async (t) => {
    t.match((await upgrade('enterprise')).body.payment_request, { kind: 'new_period', amount_minor: 19_900 });
  });

  await t.test('when it is cancelled or withdrawn, then the default plan remains', async (t) => {
    await post('/api/subscription/cancel');
    t.match(await current(), { cancel_at_period_end: true });
    const { body } = await assign({ ...gift, plan: 'free', reason: 'Contract is over' });
    t.match(body, { plan: 'free', complimentary: false, cancel_at_period_end: false });
    t.match((await events())[0], {
      kind: 'plan_changed',
      data: { from: 'pro', to: 'free', reason: 'assigned' },
    });
  });

  await t.test('when it replaces a trial, then the trial ends', async (t) => {
    const third = await addAccount(service);
    await customer(service, third).post('/api/plans/start-trial', { plan: 'starter' });
    await assign({ ...gift, account_id: third });
    const { rows } = await service.pool.query('SELECT ended_at, converted_at FROM trials');
    t.match(rows, [{ ended_at: runtime.clock.now(), converted_at: null }]);
    t.match(await customer(service, third).current(), { status: 'active', trial_ends_at: null });
  });

  await t.test('then staff read the history of all accounts', async (t) => {
    const read = async (query: string) =>
      (await service.call<Events>('GET', `/api/admin/billing-events${query}`, { as: staff })).body.data;
    t.ok((await read(`?account_id=${ACCOUNT}`)).every(({ account_id }) => account_id === ACCOUNT));
    t.equal((await read('?kind=trial_started')).length, 1);
    t.ok(new Set((await read('?limit=100')).map(({ account_id }) => account_id)).size > 1);
  });
});
