import t from 'tap';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import type { Refusal } from '../../customers.fixture.ts';
import { createStripeService, DAY_MS, HOUR_MS } from './stripe.fixture.ts';

type Page = { url: string; expires_at: string };

t.test('given an account on the free plan', async (t) => {
  const { ada, settle, advance, simulator, pool } = await createStripeService(t);
  const checkout = (body: object) => ada.post<Page & Refusal>('/api/billing/checkout', body);

  await t.test('when it starts the same checkout twice, then it gets one page', async (t) => {
    const [first, second] = [await checkout({ plan: 'pro' }), await checkout({ plan: 'pro' })];
    t.equal(first.status, 200);
    t.equal(first.body.url, second.body.url);
    t.match(first.body.url, simulator.url);
  });

  await t.test('when it upgrades, then the response is 402 with a page', async (t) => {
    const { status, body } = await ada.upgrade('basic');
    t.match([status, body], [402, { code: 'payment_required', checkout_url: /checkout/ }]);
  });

  await t.test('when it pays, then the plan is in force', async (t) => {
    const { body } = await checkout({ plan: 'pro', seats: 7 });
    t.equal((await click(body.url, { card: '0002' })).status, 402, 'a declined card changes nothing');
    await settle();
    t.match(await ada.current(), { plan: 'free' });
    const { location } = await click(body.url, { card: '4242' });
    t.equal(location, 'https://app.example/billing/success');
    await settle();
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'active',
      current_period: { start: '2026-11-20T12:00:00.000Z', end: '2026-12-20T12:00:00.000Z' },
      access_ends_at: '2026-12-23T12:00:00.000Z',
    });
    const { rows } = await pool.query('SELECT seats, external_id FROM subscriptions');
    t.match(rows, [{ seats: 7, external_id: /^sub_/ }]);
    t.match((await ada.get<{ data: object[] }>('/api/billing/invoices')).body.data, [
      { status: 'paid', amount_paid_minor: 55_300, currency: 'USD' },
    ]);
    t.strictSame(await ada.kinds(), ['plan_changed', 'payment_received']);
    const count = async (query: string) =>
      (await ada.get<{ data: object[] }>(`/api/billing/invoices?${query}`)).body.data.length;
    t.equal(await count('status=paid&from=2026-11-20T12:00:00Z'), 1);
    t.equal(await count('status=open'), 0);
    t.equal(await count('to=2026-11-20T12:00:00Z'), 0, 'the end is exclusive');
    t.equal((await ada.get('/api/billing/invoices?from=yesterday')).status, 400);
    t.match(await ada.get('/api/billing/invoices?status=late'), {
      body: { param: 'status', detail: /"uncollectible"/ },
    });
  });

  await t.test('then a second checkout is refused', async (t) => {
    t.match(await checkout({ plan: 'enterprise' }), { status: 409, body: { code: 'conflict' } });
  });

  await t.test('when the period ends, then access does not wait for the payment', async (t) => {
    await advance(30 * DAY_MS);
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'active',
      current_period: { start: '2026-12-20T12:00:00.000Z' },
      access_ends_at: '2026-12-23T12:00:00.000Z',
    });
    await advance(HOUR_MS);
    t.match(await ada.current(), { access_ends_at: '2027-01-23T12:00:00.000Z' });
    t.ok((await ada.kinds()).includes('renewed'));
  });

  await t.test('when it upgrades, then it pays what the preview said', async (t) => {
    type Preview = { amount_due_minor: number; lines: { amount_minor: number }[] };
    const preview = await ada.get<Preview>('/api/billing/preview?plan=enterprise');
    const { status, body } = await ada.upgrade('enterprise');
    t.equal(status, 200, JSON.stringify(body));
    t.match(await ada.current(), { plan: 'enterprise' });
    const [invoice] = (await ada.get<{ data: { amount_paid_minor: number }[] }>('/api/billing/invoices')).body
      .data;
    t.equal(invoice?.amount_paid_minor, preview.body.amount_due_minor);
    t.equal(preview.body.lines.length, 2);
  });

  await t.test('when it downgrades and resumes, then nothing changes at the end of the period', async (t) => {
    t.equal((await ada.post('/api/subscription/downgrade', { plan: 'basic' })).status, 200);
    t.match(await ada.current(), { scheduled_change: { plan: 'basic' } });
    t.equal((await ada.post('/api/subscription/resume')).status, 200);
    t.match(await ada.current(), { scheduled_change: null, plan: 'enterprise' });
  });

  await t.test(
    'when it downgrades, cancels and resumes, then the smaller plan starts with the period',
    async (t) => {
      await ada.post('/api/subscription/downgrade', { plan: 'basic' });
      t.equal((await ada.post('/api/subscription/cancel')).status, 200);
      t.match(await ada.current(), { cancel_at_period_end: true, plan: 'enterprise' });
      t.equal((await ada.post('/api/subscription/resume')).status, 200);
      t.match(await ada.current(), { cancel_at_period_end: false, scheduled_change: { plan: 'basic' } });
      await advance(31 * DAY_MS);
      t.match(await ada.current(), { scheduled_change: null, plan: 'basic' });
    },
  );

  await t.test('when it cancels, then the plan ends with the period', async (t) => {
    t.equal((await ada.post('/api/subscription/cancel')).status, 200);
    t.match(await ada.current(), { cancel_at_period_end: true, access_ends_at: '2027-02-20T12:00:00.000Z' });
    await advance(31 * DAY_MS);
    t.match(await ada.current(), { plan: 'free', status: 'active' });
  });
});

t.test('given checkouts of two plans in two tabs, then only one of them is paid', async (t) => {
  const { ada, settle, pool, stripe } = await createStripeService(t);
  const open = (plan: string) => ada.post<Page & Refusal>('/api/billing/checkout', { plan });
  const tabs = await Promise.all([open('pro'), open('basic'), open('pro'), open('basic')]);
  t.ok(tabs.every(({ status }) => status === 200));
  await Promise.all(tabs.map(({ body }) => click(body.url, { card: '4242' })));
  await settle();
  await settle();
  const { rows } = await pool.query(
    `SELECT count(*) FILTER (WHERE status = 'active')::int AS active, count(DISTINCT customer_id)::int AS customers
       FROM stripe_subscriptions`,
  );
  t.strictSame(rows, [{ active: 1, customers: 1 }]);
  const { data } = await stripe.subscriptions.list({ status: 'active' });
  t.equal(data.length, 1);
  t.equal((await ada.current()).status, 'active');
  t.match(await open('enterprise'), { status: 409 }, 'a third tab is too late');
});
