/** A customer who pays by bank transfer. Figures by hand: 79.00 a seat, a period of 30 days, 15 of which are left. */
import t from 'tap';
import type { InvoicePreviewWire, InvoiceWire, ProviderSubscriptionWire } from '#libs/contracts/billing.ts';
import { callerWith, customer, emitted, markPaid, type Refusal, staff } from '../../customers.fixture.ts';
import { ACCOUNT, createTestService, OTHER_ACCOUNT } from '../../fixtures.ts';

type Answer = ProviderSubscriptionWire & Refusal & { url: string; checkout_url?: string };

t.test('given a plan with seats that is paid by transfer', async (t) => {
  const service = await createTestService(t);
  const { runtime, call, pool } = service;
  const ada = customer(service);
  const post = (path: string, body: object = {}) => ada.post<Answer>(`/api/billing/${path}`, body);
  const pay = async ({ body }: { body: Answer }) => {
    const id = body.payment_request?.id ?? '';
    t.match(body.checkout_url, new RegExp(`/payment-pages/${id}$`));
    t.equal((await markPaid(service, id)).status, 200);
  };
  const seats = async () => (await pool.query('SELECT seats, scheduled_seats FROM subscriptions')).rows[0];
  const members = async () => {
    const amount = (await ada.current()).limits.find(({ meter }) => meter === 'team.members')?.amount;
    return amount?.kind === 'limited' ? amount.value : amount?.kind;
  };
  const upcoming = async () =>
    (await ada.get<{ invoice: InvoicePreviewWire | null }>('/api/billing/upcoming')).body.invoice;

  await t.test('then the seats are bought with the plan', async (t) => {
    const { body } = await post('checkout', { plan: 'pro', seats: 3 });
    const page = await call<string>('GET', new URL(body.url).pathname, { as: staff });
    t.match(page.body, /Payment of 237\.00 USD[\s\S]*<dt>Seats<\/dt><dd>3<\/dd>/);
    await markPaid(service, body.url.split('/').at(-1) ?? '');
    t.match(await seats(), { seats: 3, scheduled_seats: null });
    t.equal(await members(), '5', 'as the plan has by itself');
    t.match(await upcoming(), {
      amount_due_minor: 23_700,
      lines: [{ description: '3 × Pro', quantity: 3, period: { start: '2026-12-20T12:00:00.000Z' } }],
    });
  });

  await t.test(
    'when seats are added, then half a period of two seats is due, and they wait for it',
    async (t) => {
      runtime.clock.set('2026-12-05T12:00:00.000Z');
      t.match((await ada.get('/api/billing/preview?seats=5')).body, {
        amount_due_minor: 7900,
        proration_at: '2026-12-05T12:00:00.000Z',
        lines: [
          { description: 'Unused time', amount_minor: -11_850, quantity: 3 },
          { description: 'Remaining time on 5 × Pro', amount_minor: 19_750, quantity: 5 },
        ],
      });
      t.match((await ada.get('/api/billing/preview?plan=pro&cycle=year')).body, {
        amount_due_minor: 3 * 79_000 - 11_850,
        lines: [
          { amount_minor: -11_850, proration: true },
          { description: '3 × Pro', amount_minor: 237_000, period: { end: '2027-12-05T12:00:00.000Z' } },
        ],
      });
      const answers = await Promise.all(Array.from({ length: 5 }, () => post('seats', { seats: 5 })));
      t.strictSame(new Set(answers.map(({ body }) => body.payment_request?.id)).size, 1, 'one request');
      const [first] = answers;
      t.match(first, {
        status: 402,
        body: {
          code: 'payment_required',
          payment_request: { kind: 'rest_of_period', amount_minor: 7900, seats: 5 },
        },
      });
      t.match(await seats(), { seats: 3 });
      if (first !== undefined) await pay(first);
      t.match(await seats(), { seats: 5 });
      t.match((await ada.events())[0], { kind: 'seats_changed', data: { seats: 5, before: 3 } });
    },
  );

  await t.test('when seats are given up, then the next period has fewer', async (t) => {
    t.match(await post('seats', { seats: 2 }), { status: 200, body: { seats: 5, scheduled_seats: 2 } });
    t.equal((await upcoming())?.amount_due_minor, 15_800);
    await ada.post('/api/subscription/downgrade', { plan: 'basic' });
    t.equal((await upcoming())?.amount_due_minor, 5_800, 'two seats of the smaller plan');
    await pay(await post('seats', { seats: 6 }));
    t.match(await ada.current(), { scheduled_change: { plan: 'basic' } }, 'more seats keep the downgrade');
    t.equal((await upcoming())?.amount_due_minor, 6 * 2_900);
    t.equal(await members(), '6');
    await post('seats', { seats: 2 });
    await ada.post('/api/subscription/resume');
    t.match(await seats(), { seats: 6, scheduled_seats: null }, 'both are withdrawn');
    await post('seats', { seats: 2 });
  });

  await t.test(
    'when it pauses, then the paid period is served, and the plan returns once it is paid',
    async (t) => {
      const paused = async () =>
        (await call<{ paused_accounts: number }>('GET', '/api/admin/billing/revenue', { as: staff })).body
          .paused_accounts;
      t.match(await post('pause'), { status: 200, body: { paused: true, cancel_at: null } });
      t.equal(await paused(), 1);
      t.equal(await upcoming(), null);
      t.match(await post('resume'), { status: 200, body: { paused: false } });
      t.match(await ada.current(), { access_ends_at: '2026-12-23T12:00:00.000Z' }, 'with the grace period');
      await post('pause');
      runtime.clock.set('2026-12-20T11:59:59.000Z');
      t.match(await ada.current(), { plan: 'pro', access_ends_at: '2026-12-20T12:00:00.000Z' });
      runtime.clock.set('2026-12-20T12:00:00.000Z');
      t.match(await ada.current(), { plan: 'free', status: 'active' });
      t.match(await post('pause'), { status: 200, body: { paused: true } }, 'it stays paused');
      const answer = await post('resume');
      t.match(answer, { status: 402, body: { payment_request: { amount_minor: 15_800, seats: 2 } } });
      await pay(answer);
      t.match(await ada.current(), { plan: 'pro', access_ends_at: '2027-01-23T12:00:00.000Z' });
      t.match(await seats(), { seats: 2, scheduled_seats: null });
      t.equal(await paused(), 0);
    },
  );

  await t.test('when the period is not paid, then its payment comes first', async (t) => {
    runtime.clock.set('2027-01-20T12:00:00.000Z');
    for (const [path, body] of [
      ['seats', { seats: 9 }],
      ['pause', {}],
    ] as const) {
      t.match(await post(path, body), {
        status: 402,
        body: { payment_request: { kind: 'renewal', amount_minor: 15_800, seats: 2 } },
      });
    }
    await pay(await post('seats', { seats: 9 }));
    t.match(await seats(), { seats: 2 }, 'the renewal alone is paid');
  });

  await t.test('when it is cancelled, then with the period, and now where that is requested', async (t) => {
    const end = '2027-02-20T12:00:00.000Z';
    t.match(await post('cancel'), { status: 200, body: { cancel_at: end } });
    t.match(await post('pause'), { status: 409, body: { reason: 'cancelled' } });
    await ada.post('/api/subscription/resume');
    t.match(await post('cancel', { when: 'now' }), { status: 200, body: { seats: null, cancel_at: null } });
    t.match(await ada.current(), { plan: 'free' });
    t.match(await post('cancel'), { status: 409, body: { reason: 'nothing_to_cancel' } });
    for (const [path, body] of [
      ['seats', { seats: 2 }],
      ['pause', {}],
    ] as const) {
      t.match(await post(path, body), {
        status: 409,
        body: { code: 'plan_change_not_allowed', reason: 'nothing_paid' },
      });
    }
    t.match(await post('resume'), { status: 200, body: { paused: false } }, 'nothing is paused');
  });

  await t.test('when a paused plan is cancelled, then it does not return', async (t) => {
    await markPaid(service, (await post('checkout', { plan: 'pro' })).body.url.split('/').at(-1) ?? '');
    await post('pause');
    runtime.clock.set('2027-03-20T12:00:00.000Z');
    t.match(await post('cancel'), { status: 200, body: { paused: false } });
    t.match(await post('resume'), { status: 200, body: { paused: false } });
    t.match(await ada.current(), { plan: 'free' });
  });

  const invoices = async (query = '', as = callerWith()) =>
    (
      await call<{ data: InvoiceWire[]; next_cursor: string | null }>(
        'GET',
        `/api/billing/invoices${query}`,
        {
          as,
        },
      )
    ).body;

  await t.test('then every payment request was an invoice', async (t) => {
    const { data } = await invoices('?limit=100');
    t.strictSame(
      data.map(({ status, reason, total_minor, lines }) => [
        ...[status, reason, total_minor, lines[0]?.description],
        ...[lines[0]?.period?.start.slice(0, 10), lines[0]?.period?.end.slice(0, 10)],
      ]),
      [
        ['paid', 'new_period', 7900, '1 × Pro, by the month', '2027-01-20', '2027-02-20'],
        ['paid', 'renewal', 15_800, '2 × Pro, by the month', '2027-01-20', '2027-02-20'],
        ['paid', 'new_period', 15_800, '2 × Pro, by the month', '2026-12-20', '2027-01-20'],
        ['paid', 'rest_of_period', 3950, 'Change to 6 × Pro, by the month', '2026-12-05', '2026-12-20'],
        ['paid', 'rest_of_period', 7900, 'Change to 5 × Pro, by the month', '2026-12-05', '2026-12-20'],
        ['paid', 'new_period', 23_700, '3 × Pro, by the month', '2026-11-20', '2026-12-20'],
      ],
    );
    const renewal = data[1];
    t.match(renewal, {
      ...{ number: renewal?.id, currency: 'USD', subtotal_minor: 15_800, amount_due_minor: 15_800 },
      ...{ amount_paid_minor: 15_800, amount_remaining_minor: 0, amount_refunded_minor: 0 },
      ...{ created_at: '2027-01-20T12:00:00.000Z', paid_at: '2027-01-20T12:00:00.000Z', pdf_url: null },
      url: `https://api.example/api/billing/payment-pages/${renewal?.id}`,
      lines: [{ quantity: 2, amount_minor: 15_800, proration: false }],
    });
    t.strictSame(
      (await call('GET', `/api/billing/invoices/${renewal?.id}`, { as: callerWith() })).body,
      renewal,
    );
    const first = await invoices('?limit=3');
    t.strictSame(first.data, data.slice(0, 3));
    t.strictSame(await invoices(`?limit=3&cursor=${first.next_cursor}`), {
      data: data.slice(3),
      next_cursor: null,
    });
    t.strictSame(
      (await invoices('?from=2026-12-01T00:00:00Z&to=2027-01-01T00:00:00Z')).data,
      data.slice(2, 5),
    );
    t.strictSame((await invoices('?status=draft')).data, []);
    const other = callerWith({ accountId: OTHER_ACCOUNT });
    t.strictSame((await invoices('', other)).data, []);
    for (const [path, status] of [
      [`/${renewal?.id}`, 404],
      [`?cursor=${renewal?.id}`, 400],
    ] as const) {
      t.equal((await call('GET', `/api/billing/invoices${path}`, { as: other })).status, status, path);
    }
    t.equal((await call('GET', `/api/billing/invoices/${ACCOUNT}`, { as: callerWith() })).status, 404);
    t.match((await ada.get('/api/billing/payment-methods')).body, {
      data: [{ kind: 'bank_transfer', is_default: true }],
    });
  });

  await t.test('when a request expires, then its invoice is void', async (t) => {
    await ada.upgrade('pro', 'year');
    const { data } = await invoices('?status=open');
    t.match(data, [
      { amount_remaining_minor: 79_000, amount_paid_minor: 0, paid_at: null, lines: [{ period: null }] },
    ]);
    runtime.clock.set('2027-04-19T12:00:00.000Z');
    t.strictSame((await invoices('?status=open')).data, []);
    const [expired] = (await invoices('?status=void')).data;
    t.match(expired, { id: data[0]?.id, status: 'void', amount_remaining_minor: 0, paid_at: null });
  });

  await t.test('when staff refund a payment, then never more than was paid', async (t) => {
    await ada.buy('pro', 'year');
    const [paid] = (await invoices('?status=paid&limit=1')).data;
    const [unpaid] = (await invoices('?status=void&limit=1')).data;
    const revenue = async () => (await call('GET', '/api/admin/billing/revenue', { as: staff })).body;
    const refund = (body: object = {}, path = 'refunds', as: typeof staff | undefined = staff) =>
      call<{ id: string } & Refusal>('POST', `/api/admin/billing/${path}`, {
        ...(as && { as }),
        body: { invoice_id: paid?.id, reason: 'Outage', ...body },
      });
    const first = await refund({ amount_minor: 5800 });
    t.match(first, {
      status: 200,
      body: { ...{ kind: 'refund', amount_minor: 5800, currency: 'USD' }, provider_id: null },
    });
    t.match(await refund({ amount_minor: 73_201 }), { status: 422, body: { available_minor: 73_200 } });
    const both = await Promise.all([refund({ amount_minor: 40_000 }), refund({ amount_minor: 40_000 })]);
    t.strictSame(both.map(({ status }) => status).sort(), [200, 422], 'one of two at once');
    const keyed = (amount: number, idempotencyKey = 'refund-1') =>
      call<{ id: string }>('POST', '/api/admin/billing/refunds', {
        ...{ as: staff, headers: { 'idempotency-key': idempotencyKey } },
        body: { invoice_id: paid?.id, reason: 'Outage', amount_minor: amount },
      });
    const repeated = await Promise.all([keyed(200), keyed(200), keyed(200)]);
    t.strictSame(new Set(repeated.map(({ status, body }) => `${status} ${body.id}`)).size, 1, 'one refund');
    t.match(await keyed(201), { status: 422, body: { code: 'idempotency_key_reused' } });
    t.match(await refund(), { status: 200, body: { amount_minor: 33_000 } }, 'all that is left');
    t.match(await refund(), { status: 422, body: { available_minor: 0 } });
    t.match((await invoices('?status=paid&limit=1')).data, [
      { id: paid?.id, amount_paid_minor: 79_000, amount_refunded_minor: 79_000 },
    ]);
    t.match(await revenue(), { mrr_minor: 6583, paying_accounts: 1 }, 'the plan stays as it is');

    const refunds = (await ada.events()).filter(({ kind }) => kind === 'refunded');
    t.equal(refunds.length, 4);
    t.match(refunds.at(-1), { data: { refund: first.body.id, amount_minor: 5800, currency: 'USD' } });
    t.strictSame(
      (await emitted(service, 'payment.refunded')).map(({ payload }) => payload.amount_minor),
      [5800, 40_000, 200, 33_000],
    );
    const audited = await pool.query(
      `SELECT after FROM audit_log WHERE action = 'payment.refunded' AND reason = 'Outage' ORDER BY id`,
    );
    t.match(audited.rows[0], { after: { invoice: paid?.id, amount_minor: 5800, currency: 'USD' } });
    t.equal(audited.rowCount, 4);

    for (const [body, status] of [
      [{ invoice_id: unpaid?.id }, 422],
      [{ amount_minor: 0 }, 400],
      [{ amount_minor: 1.5 }, 400],
      [{ reason: ' ' }, 400],
      [{ extra: 1 }, 400],
      [{ invoice_id: 'in_1' }, 409],
    ] as const) {
      t.equal((await refund(body)).status, status, JSON.stringify(body));
    }
    t.equal((await refund({}, 'refunds', callerWith())).status, 403);
    t.equal((await call('POST', '/api/admin/billing/refunds', { body: {} })).status, 401);
    t.match(await refund({}, 'credit-notes'), {
      status: 409,
      body: { code: 'payments_not_hosted', detail: /no balance/ },
    });
  });
});
