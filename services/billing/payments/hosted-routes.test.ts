import { hash } from 'node:crypto';
import t from 'tap';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { callerWith, staff } from '../customers.fixture.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT } from '../fixtures.ts';
import { createStripeService } from './stripe/stripe.fixture.ts';

type Page = { url: string };
type Method = 'GET' | 'POST';

const WRITES: [string, object][] = [
  ['/api/billing/checkout', { plan: 'pro' }],
  ['/api/billing/portal', {}],
  ['/api/billing/seats', { seats: 2 }],
  ['/api/billing/cancel', {}],
  ['/api/billing/pause', {}],
  ['/api/billing/resume', {}],
];
const READS = ['preview?plan=pro', 'invoices', 'invoices/in_1', 'upcoming', 'payment-methods'].map(
  (one) => `/api/billing/${one}`,
);
const reason = { reason: 'Because.' };
const STAFF_CALLS: [Method, string, object?][] = [
  ['POST', '/api/admin/billing/refunds', { invoice_id: 'in_1', ...reason }],
  ['POST', '/api/admin/billing/credit-notes', { invoice_id: 'in_1', ...reason }],
  ['POST', '/api/admin/billing/events/evt_1/replay', reason],
  ['POST', `/api/admin/billing/accounts/${ACCOUNT}/resync`, reason],
  ['GET', '/api/admin/billing/drift'],
];

t.test('given an installation without a payment provider', async (t) => {
  const { call } = await createTestService(t);
  for (const [method, url, body] of STAFF_CALLS) {
    const answer = await call(method, url, { as: staff, body });
    t.match(answer, { status: 409, body: { code: 'payments_not_hosted' } }, url);
  }
  t.match(await call('GET', '/api/billing/preview?plan=pro', { as: callerWith() }), {
    status: 200,
    body: { amount_due_minor: 7900, currency: 'USD', lines: [] },
  });
  t.match(await call('GET', '/api/billing/invoices', { as: callerWith() }), {
    body: { data: [], next_cursor: null },
  });
  t.match(await call('GET', '/api/billing/upcoming', { as: callerWith() }), { body: { invoice: null } });
});

t.test('given a brand of the account, then its page shows it while the plan includes it', async (t) => {
  const { call, pool } = await createTestService(t);
  const { body } = await call<Page>('POST', '/api/billing/checkout', {
    as: callerWith(),
    body: { plan: 'pro' },
  });
  const { pathname } = new URL(body.url);
  await pool.query(
    `INSERT INTO brandings VALUES ($1, 'Acme <script>', 'https://acme.example/l.png', '#0b6b4f', 'help@acme.example', NULL, now())`,
    [ACCOUNT],
  );
  const show = () => call<string>('GET', pathname, { as: callerWith() });
  t.notMatch((await show()).body, 'Acme', 'the plan has no white label');
  const grant = { kind: 'feature_grant', feature: 'white_label', ...reason };
  const granted = await call('POST', `/api/admin/accounts/${ACCOUNT}/overrides`, { as: staff, body: grant });
  t.equal(granted.status, 201);
  const page = await show();
  t.match(page.body, '<img src="https://acme.example/l.png" alt="Acme &lt;script&gt;">');
  t.match(page.body, 'border-top:4px solid #0b6b4f');
  t.match(page.body, '<a href="mailto:help@acme.example">');
  t.notMatch(page.body, /<script|For staff/);
  const style = /<style>([^<]*)<\/style>/.exec(page.body)?.[1] ?? '';
  t.match(page.headers['content-security-policy'], `style-src 'sha256-${hash('sha256', style, 'base64')}'`);
  t.match(page.headers['content-security-policy'], /^default-src 'none'; .*frame-ancestors 'none'$/);
});

t.test(
  'given manual payments, then a checkout is a page of the request, until staff mark it as paid',
  async (t) => {
    const { call } = await createTestService(t);
    const post = (url: string, body: object) => call<Page>('POST', url, { as: callerWith(), body });
    t.match(await post('/api/billing/portal', {}), { status: 409, body: { code: 'conflict' } });
    const checkout = await post('/api/billing/checkout', { plan: 'pro' });
    const page = checkout.body.url;
    t.match(checkout, { status: 200, body: { expires_at: '2026-12-20T12:00:00.000Z' } });
    t.match(page, /^https:\/\/api\.example\/api\/billing\/payment-pages\/[0-9a-f-]{36}$/);
    t.match(
      (await post('/api/billing/checkout', { plan: 'pro' })).body,
      { url: page },
      'the same page again',
    );
    t.match((await post('/api/billing/portal', {})).body, { url: page });

    const path = new URL(page).pathname;
    const id = path.split('/').at(-1);
    const show = (as = callerWith({ accountId: OTHER_ACCOUNT })) => call<string>('GET', path, { as });
    const open = (await show()).body;
    t.match(open, /Payment of 79\.00 USD[\s\S]*Not paid yet\.[\s\S]*pro, by the month/);
    t.match(open, `POST /api/admin/payment-requests/${id}/mark-paid`);
    t.equal((await call('GET', `${path.slice(0, -4)}0000`, { as: callerWith() })).status, 404);
    t.equal((await call('GET', `${path}x`, { as: callerWith() })).status, 400);

    for (const [body, status] of [
      [{ plan: 'pro', trial: true }, 422],
      [{ plan: 'none' }, 404],
    ] as const) {
      t.equal((await post('/api/billing/checkout', body)).status, status, JSON.stringify(body));
    }
    const note = { note: 'Transfer of 20 November' };
    t.equal(
      (await call('POST', `/api/admin/payment-requests/${id}/mark-paid`, { as: staff, body: note })).status,
      200,
    );
    t.match((await show()).body, /Paid\. The plan is in force\./);
    t.notMatch((await show()).body, 'mark-paid');
    t.equal((await post('/api/billing/checkout', { plan: 'pro' })).status, 409, 'the plan is in force');
  },
);

t.test('given a paid plan', async (t) => {
  const { call, ada, settle, stripe, pool, simulator } = await createStripeService(t);
  const page = await ada.post<Page>('/api/billing/checkout', { plan: 'pro' });
  await click(page.body.url, { card: '4242' });
  await settle();
  const [invoice] = (await pool.query('SELECT id FROM invoices')).rows;

  await t.test('then only managers of the account change it', async (t) => {
    for (const [url, body] of WRITES) {
      t.equal((await call('POST', url, { body })).status, 401, url);
      for (const caller of [
        callerWith({ role: 'member' }),
        callerWith({ userId: null, keyId: ACCOUNT, scopes: [] }),
      ]) {
        t.match(
          await call('POST', url, { as: caller, body }),
          { status: 403, body: { code: 'role_required' } },
          url,
        );
      }
    }
    for (const url of READS) t.equal((await call('GET', url)).status, 401, url);
  });

  await t.test('then it is revenue, except while it is paused', async (t) => {
    const revenue = () => call('GET', '/api/admin/billing/revenue', { as: staff });
    const paid = { mrr_minor: 7900, arr_minor: 94_800, committed_mrr_minor: 7900, paying_accounts: 1 };
    t.match(await revenue(), {
      status: 200,
      body: { currency: 'USD', ...paid, paused_accounts: 0, plans: [{ plan: 'pro', mrr_minor: 7900 }] },
    });
    t.equal((await ada.post('/api/billing/pause', {})).status, 200);
    t.match((await revenue()).body, { mrr_minor: 0, paying_accounts: 0, paused_accounts: 1, plans: [] });
    t.equal((await ada.post('/api/billing/resume', {})).status, 200);
    t.match((await revenue()).body, paid);
    t.equal((await call('GET', '/api/admin/billing/revenue', { as: callerWith() })).status, 403);
    t.equal((await call('GET', '/api/admin/billing/revenue')).status, 401);
  });

  await t.test('then invalid requests are refused', async (t) => {
    const cases: [string, object, number][] = [
      ['/api/billing/checkout', {}, 400],
      ['/api/billing/checkout', { plan: 'pro', seats: 0 }, 400],
      ['/api/billing/checkout', { plan: 'pro', extra: 1 }, 400],
      ['/api/billing/portal', { return_url: 'https://evil.example/' }, 422],
      ['/api/billing/portal', { return_url: 'nowhere' }, 400],
      ['/api/billing/seats', { seats: 1.5 }, 400],
      ['/api/billing/seats', { seats: 1_000_000 }, 400],
      ['/api/billing/cancel', { when: 'never' }, 400],
    ];
    for (const [url, body, status] of cases) {
      t.equal(
        (await call('POST', url, { as: callerWith(), body })).status,
        status,
        `${url} ${JSON.stringify(body)}`,
      );
    }
    const other = callerWith({ accountId: OTHER_ACCOUNT });
    const foreign = { plan: 'pro', success_url: 'https://evil.example/' };
    t.equal((await call('POST', '/api/billing/checkout', { as: other, body: foreign })).status, 422);
    t.equal((await call('POST', '/api/billing/checkout', { as: other, body: { plan: 'none' } })).status, 404);
    t.equal((await call('POST', '/api/billing/portal', { as: other, body: {} })).status, 409);
  });

  await t.test('then another account sees nothing of it', async (t) => {
    const other = callerWith({ accountId: OTHER_ACCOUNT });
    t.equal((await call('GET', `/api/billing/invoices/${invoice.id}`, { as: callerWith() })).status, 200);
    t.equal((await call('GET', `/api/billing/invoices/${invoice.id}`, { as: other })).status, 404);
    t.match(await call('GET', '/api/billing/invoices', { as: other }), { body: { data: [] } });
    t.match(await call('GET', '/api/billing/payment-methods', { as: other }), { body: { data: [] } });
    t.equal((await call('GET', `/api/billing/invoices?cursor=${invoice.id}`, { as: other })).status, 400);
  });

  await t.test('then cards, the next invoice and the portal are read from the provider', async (t) => {
    t.match((await ada.get<{ data: object[] }>('/api/billing/payment-methods')).body.data, [
      { last4: '4242', is_default: true },
    ]);
    t.match((await ada.get('/api/billing/upcoming')).body, { invoice: { amount_due_minor: 7900 } });
    const portal = await ada.post<Page>('/api/billing/portal', {});
    await click(portal.body.url, { action: 'cancel' });
    await settle();
    t.match(await ada.current(), { cancel_at_period_end: true });
    t.match((await ada.get('/api/billing/upcoming')).body, { invoice: null });
  });

  await t.test('then only administrators pay back, and never more than was paid', async (t) => {
    for (const [method, url, body] of STAFF_CALLS) {
      t.equal((await call(method, url, { as: callerWith(), body })).status, 403, url);
    }
    const refund = (body: object) =>
      call('POST', '/api/admin/billing/refunds', {
        as: staff,
        body: { invoice_id: invoice.id, ...reason, ...body },
      });
    t.match(await refund({ amount_minor: 1000 }), {
      status: 200,
      body: { amount_minor: 1000, currency: 'USD' },
    });
    await settle();
    t.match(await refund({ amount_minor: 7000 }), { status: 422, body: { available_minor: 6900 } });
    t.match(await refund({}), { status: 200, body: { amount_minor: 6900 } });
    await settle();
    t.match((await ada.get(`/api/billing/invoices/${invoice.id}`)).body, {
      amount_paid_minor: 7900,
      amount_refunded_minor: 7900,
    });
    t.equal((await refund({})).status, 422);
    t.equal((await refund({ invoice_id: 'in_none' })).status, 404);
    t.equal((await refund({ reason: '' })).status, 400);
    t.equal((await refund({ amount_minor: 0 })).status, 400);
    t.equal((await ada.kinds()).filter((kind) => kind === 'refunded').length, 2);
    const audited = await pool.query(`SELECT reason FROM audit_log WHERE action = 'payment.refunded'`);
    t.equal(audited.rowCount, 2);
  });

  await t.test('when payments were manual before, then their invoices are in the same list', async (t) => {
    const ids = [1, 2].map((number) => `0190a1b2-0000-7000-8000-00000000e00${number}`);
    await pool.query(
      `INSERT INTO payment_requests (id, account_id, kind, catalogue_version_id, plan_key, cycle, amount_minor,
         currency, status, driver, created_at, expires_at, settled_at)
       SELECT one.id, $2, 'renewal', (SELECT catalogue_version_id FROM subscriptions WHERE account_id = $2), 'pro',
         'month', 7900, 'USD', 'paid', 'manual', one.at, one.at, one.at
       FROM unnest($1::uuid[], ARRAY['2026-10-01', '2027-10-01']::timestamptz[]) AS one (id, at)`,
      [ids, ACCOUNT],
    );
    const read = async (cursor: string | null) =>
      (
        await ada.get<{ data: { id: string }[]; next_cursor: string | null }>(
          `/api/billing/invoices?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`,
        )
      ).body;
    const first = await read(null);
    const second = await read(first.next_cursor);
    const third = await read(second.next_cursor);
    t.strictSame(
      [first, second, third].map(({ data }) => data[0]?.id),
      [ids[1], invoice.id, ids[0]],
    );
    t.equal(third.next_cursor, null);
    const body = { invoice_id: ids[0], ...reason };
    t.match(await call('POST', '/api/admin/billing/refunds', { as: staff, body }), {
      status: 200,
      body: { invoice_id: ids[0], amount_minor: 7900, provider_id: null },
    });
    await pool.query('DELETE FROM payment_requests WHERE id = ANY ($1)', [ids]);
  });

  await t.test('then staff replay an event and read an account again', async (t) => {
    const { rows } = await pool.query(`SELECT event_id FROM stripe_inbox WHERE type = 'invoice.paid'`);
    await pool.query(`UPDATE stripe_subscriptions SET status = 'past_due'`);
    t.match(
      await call('POST', `/api/admin/billing/events/${rows[0].event_id}/replay`, { as: staff, body: reason }),
      { status: 202, body: { type: 'invoice.paid' } },
    );
    await settle();
    t.match((await pool.query('SELECT status FROM stripe_subscriptions')).rows, [{ status: 'active' }]);
    t.equal(
      (await call('POST', '/api/admin/billing/events/evt_none/replay', { as: staff, body: reason })).status,
      404,
    );
    const resync = `/api/admin/billing/accounts/${ACCOUNT}/resync`;
    t.equal((await call('POST', resync, { as: staff, body: reason })).status, 202);
    await settle();
    t.match(await call('GET', '/api/admin/billing/drift', { as: staff }), {
      status: 200,
      body: { waiting_events: 0, subscriptions: [] },
    });
  });

  await t.test('when a dispute is opened, then it is in the history', async (t) => {
    const [charge] = Object.keys(simulator.data.charges);
    simulator.dispute(charge ?? '');
    await settle();
    t.ok((await ada.kinds()).includes('dispute_opened'));
  });

  await t.test('when Stripe does not answer, then the response says so', async (t) => {
    simulator.chaos.rateLimit = 1;
    const answer = await call('GET', '/api/billing/upcoming', { as: callerWith() });
    t.match(answer, { status: 502, body: { code: 'payment_provider_error' } });
    simulator.chaos.rateLimit = 0;
    t.ok((await stripe.customers.list()).data.length === 1, 'one account is one customer');
  });
});
