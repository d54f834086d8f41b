import t from 'tap';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { addAccount, addOwner, customer, emitted, readPreset } from '../../customers.fixture.ts';
import { ACCOUNT } from '../../fixtures.ts';
import { createStripeService, DAY_MS, HOUR_MS, subscribe } from './stripe.fixture.ts';

t.test('given a card that fails at the renewal', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, advance, service, pool } = stripe;
  await subscribe(stripe, { plan: 'pro' }, '0341');

  await t.test('then the plan is served for the grace period', async (t) => {
    await advance(30 * DAY_MS + 2 * HOUR_MS);
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'past_due',
      access_ends_at: '2026-12-23T12:00:00.000Z',
    });
    const { status, body } = await ada.upgrade('enterprise');
    t.match([status, body], [402, { code: 'payment_required', checkout_url: /\/pay\/in_/ }]);
    t.match(await emitted(service, 'payment.failed'), [{ payload: { amount_minor: 7900, currency: 'USD' } }]);
  });

  await t.test('then it is reminded once, a day before the end', async (t) => {
    await stripe.runTask('send-payment-reminders');
    t.strictSame(await emitted(service, 'payment.reminder'), []);
    service.runtime.clock.set('2026-12-22T13:00:00.000Z');
    await stripe.runTask('send-payment-reminders');
    await stripe.runTask('send-payment-reminders');
    t.match(await emitted(service, 'payment.reminder'), [
      { payload: { plan: 'pro', access_ends_at: '2026-12-23T12:00:00.000Z' } },
    ]);
  });

  await t.test('when the grace period ends, then the default plan applies without any event', async (t) => {
    service.runtime.clock.advance(3 * DAY_MS);
    t.match(await ada.current(), { plan: 'free' });
    t.ok((await ada.kinds()).includes('subscription_ended'));
    t.match(await emitted(service, 'subscription.changed'), [{ payload: { from: 'free', to: 'pro' } }]);
    t.match(await emitted(service, 'subscription.ended'), [
      { payload: { plan: 'pro', next_plan: 'free', reason: 'payment_overdue' } },
    ]);
    t.match(await emitted(service, 'invoice.upcoming'), [{ payload: { subscription: /^sub_/ } }]);
  });

  await t.test('when the invoice is paid late, then the plan is back', async (t) => {
    const { rows } = await pool.query(`SELECT hosted_url FROM invoices WHERE status = 'open'`);
    t.equal((await click(rows[0].hosted_url, { card: '4242' })).status, 200);
    await stripe.settle();
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'active',
      access_ends_at: '2027-01-23T12:00:00.000Z',
    });
  });
});

t.test('given a trial with a card', async (t) => {
  const lily = readPreset('lily');
  const stripe = await createStripeService(t, { catalogue: lily });
  const { ada, advance } = stripe;
  await subscribe(stripe, { plan: 'pro', trial: true });

  await t.test('then the plan is tried, and nothing is paid', async (t) => {
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'trialing',
      trial_ends_at: '2026-12-04T12:00:00.000Z',
      access_ends_at: '2026-12-07T12:00:00.000Z',
    });
    t.strictSame((await ada.get<{ data: object[] }>('/api/billing/invoices')).body.data, []);
  });

  await t.test('when it ends, then access depends on neither order of the events', async (t) => {
    await advance(14 * DAY_MS);
    t.match(await ada.current(), {
      plan: 'pro',
      status: 'active',
      access_ends_at: '2026-12-07T12:00:00.000Z',
    });
    await advance(HOUR_MS);
    t.match(await ada.current(), { access_ends_at: '2027-01-07T12:00:00.000Z' });
    const { rows } = await stripe.pool.query(
      'SELECT ended_at IS NOT NULL AS ended, converted_at IS NOT NULL AS paid FROM trials',
    );
    t.strictSame(rows, [{ ended: true, paid: true }]);
  });

  await t.test('then there is no second trial', async (t) => {
    await ada.post('/api/billing/cancel', { when: 'now' });
    t.match(await ada.current(), { plan: 'free' });
    const { status, body } = await ada.post('/api/billing/checkout', { plan: 'pro', trial: true });
    t.match([status, body], [409, { code: 'trial_not_available', reason: 'trial_used' }]);
  });
});

t.test('given an upgrade that the card does not pay, then nothing changes until it is paid', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, settle, customerId } = stripe;
  await subscribe(stripe, { plan: 'basic' });
  await stripe.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: await customerId() });
  const { rows } = await stripe.pool.query('SELECT id FROM stripe_subscriptions');
  await stripe.stripe.subscriptions.update(rows[0].id, { default_payment_method: '' });
  const refused = await ada.upgrade('pro');
  t.match([refused.status, refused.body], [402, { code: 'payment_required', checkout_url: /\/pay\/in_/ }]);
  t.match(await ada.current(), { plan: 'basic', status: 'active' });
  await click((refused.body as unknown as { checkout_url: string }).checkout_url, { card: '4242' });
  await settle();
  t.match(await ada.current(), { plan: 'pro' });
});

t.test('given a card that the bank asks about at every payment', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, advance, pool, service } = stripe;
  const page = await ada.post<{ url: string }>('/api/billing/checkout', { plan: 'basic' });
  await click(page.body.url, { card: '3184', challenge: 'pass' });
  await stripe.settle();
  const payOn = async (url: string) => {
    t.match((await click(url, { card: '3184' })).html, '3-D Secure');
    t.equal((await click(url, { card: '3184', challenge: 'pass' })).status, 200);
    await stripe.settle();
  };

  await t.test('when the plan is upgraded, then it takes effect once the bank has its answer', async (t) => {
    const { status, body } = await ada.upgrade('pro');
    t.match([status, body], [402, { checkout_url: /\/pay\/in_/ }]);
    t.match(await ada.current(), { plan: 'basic' });
    await payOn((body as unknown as { checkout_url: string }).checkout_url);
    t.match(await ada.current(), { plan: 'pro', status: 'active' });
  });

  await t.test(
    'when it renews, then the account is notified, and pays on the page of the invoice',
    async (t) => {
      await advance(30 * DAY_MS + 2 * HOUR_MS);
      t.match(await ada.current(), { plan: 'pro', status: 'past_due' });
      t.match(await emitted(service, 'payment.action_required'), [
        { payload: { amount_minor: 5000, url: /\/pay\/in_/ } },
        { payload: { amount_minor: 7900, url: /\/pay\/in_/ } },
      ]);
      const { body } = await ada.get<{ data: { url: string }[] }>('/api/billing/invoices?status=open');
      await payOn(body.data[0]?.url ?? '');
      t.match(await ada.current(), { status: 'active', access_ends_at: '2027-01-23T12:00:00.000Z' });
      t.match((await pool.query(`SELECT FROM invoices WHERE status = 'open'`)).rowCount, 0);
    },
  );
});

t.test('given a scheduled downgrade and fewer seats', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, advance, customerId, pool } = stripe;
  await subscribe(stripe, { plan: 'pro', seats: 8 });
  await ada.post('/api/billing/seats', { seats: 3 });
  t.equal((await ada.post('/api/subscription/downgrade', { plan: 'basic' })).status, 200);
  const scheduled = async () => (await ada.current()).scheduled_change;
  t.match(await scheduled(), { plan: 'basic' });

  await t.test('when an upgrade fails, then both stay scheduled', async (t) => {
    await stripe.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: await customerId() });
    const { rows } = await pool.query('SELECT id FROM stripe_subscriptions');
    await stripe.stripe.subscriptions.update(rows[0].id, { default_payment_method: '' });
    t.match(await ada.upgrade('enterprise'), {
      status: 402,
      body: { code: 'payment_required', checkout_url: /\/pay\/in_/ },
    });
    t.match(await scheduled(), { plan: 'basic' }, 'while the payment is possible');
    await advance(DAY_MS);
    t.match(await scheduled(), { plan: 'basic' }, 'and afterwards');
    t.match((await pool.query('SELECT schedule_id FROM stripe_subscriptions')).rows, [
      { schedule_id: /^sub_sched/ },
    ]);
  });

  await t.test('when the bank asks about more seats, then they count once it is answered', async (t) => {
    await stripe.stripe.paymentMethods.attach('pm_card_authenticationRequired', {
      customer: await customerId(),
    });
    const refused = await ada.post<{ checkout_url: string }>('/api/billing/seats', { seats: 10 });
    t.match(refused, { status: 402, body: { checkout_url: /\/pay\/in_/ } });
    const { checkout_url: url } = refused.body;
    t.match((await click(url, { card: '3155' })).html, '3-D Secure');
    t.match((await click(url, { card: '3155', challenge: 'fail' })).html, 'The authentication failed.');
    t.match((await pool.query('SELECT quantity FROM stripe_subscriptions')).rows, [{ quantity: 8 }]);
    t.equal((await click(url, { card: '3155', challenge: 'pass' })).status, 200);
    await stripe.settle();
    t.match((await pool.query('SELECT quantity FROM stripe_subscriptions')).rows, [{ quantity: 10 }]);
    t.match(await scheduled(), { plan: 'basic' }, 'the smaller plan stays scheduled');
  });

  await t.test('when a change is scheduled while a payment waits, then it begins all the same', async (t) => {
    await stripe.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: await customerId() });
    await stripe.stripe.subscriptions.update(
      (await pool.query('SELECT id FROM stripe_subscriptions')).rows[0].id,
      { default_payment_method: '' },
    );
    t.equal((await ada.upgrade('enterprise')).status, 402);
    t.equal((await ada.post('/api/subscription/resume')).status, 200);
    t.equal(await scheduled(), null);
    t.equal((await ada.post('/api/subscription/downgrade', { plan: 'basic' })).status, 200);
    t.match(await scheduled(), { plan: 'basic' });
    await advance(DAY_MS);
    t.match(await scheduled(), { plan: 'basic' });
    await stripe.stripe.paymentMethods.attach('pm_card_visa', { customer: await customerId() });
  });

  await t.test('when seats are added, then the downgrade stays', async (t) => {
    t.match(await ada.post('/api/billing/seats', { seats: 11 }), {
      status: 200,
      body: { seats: 11, scheduled_seats: null },
    });
    t.match(await scheduled(), { plan: 'basic' });
    t.match(await ada.post('/api/billing/seats', { seats: 2 }), { body: { seats: 11, scheduled_seats: 2 } });
  });

  await t.test('when the period ends, then the smaller plan has the fewer seats', async (t) => {
    await advance(27 * DAY_MS);
    await stripe.stripe.paymentMethods.attach('pm_card_authenticationRequired', {
      customer: await customerId(),
    });
    const late = await ada.upgrade('enterprise');
    t.match(late, { status: 402, body: { checkout_url: /\/portal\// } }, 'too late for a payment that waits');
    await stripe.stripe.paymentMethods.attach('pm_card_visa', { customer: await customerId() });
    await advance(DAY_MS + 2 * HOUR_MS);
    t.match(await ada.current(), { plan: 'basic', scheduled_change: null });
    const { body } = await ada.get<{ data: { amount_paid_minor: number }[] }>('/api/billing/invoices');
    t.equal(body.data[0]?.amount_paid_minor, 2 * 2900);
  });
});

t.test(
  'given one owner of two accounts, when both pages are paid, then one of them tries the plan',
  async (t) => {
    const stripe = await createStripeService(t, { catalogue: readPreset('lily') });
    const { ada, service, settle, pool } = stripe;
    const other = await addAccount(service);
    // One user with two addresses of the same mailbox.
    for (const id of [ACCOUNT, other]) await addOwner(service, id, 'ada@example.com');
    const eve = customer(service, other);
    const pages = [];
    for (const user of [ada, eve]) {
      pages.push(
        (await user.post<{ url: string }>('/api/billing/checkout', { plan: 'pro', trial: true })).body.url,
      );
    }
    await Promise.all(pages.map((url) => click(url, { card: '4242' })));
    await settle();
    await settle();
    const plans = [(await ada.current()).plan, (await eve.current()).plan];
    t.strictSame(plans.toSorted(), ['free', 'pro']);
    const { rows } = await pool.query(
      'SELECT status, is_duplicate FROM stripe_subscriptions ORDER BY is_duplicate',
    );
    t.strictSame(rows, [
      { status: 'trialing', is_duplicate: false },
      { status: 'canceled', is_duplicate: true },
    ]);
  },
);

t.test(
  'given a second subscription, then it is cancelled and refunded, and the first one stays',
  async (t) => {
    const stripe = await createStripeService(t);
    const { ada, settle, pool } = stripe;
    await subscribe(stripe, { plan: 'pro' });
    const { rows } = await pool.query('SELECT price_id FROM stripe_subscriptions');
    await stripe.stripe.subscriptions.create({
      customer: await stripe.customerId(),
      items: [{ price: rows[0].price_id }],
    });
    await settle();
    await settle();
    const all = await pool.query(
      'SELECT status, is_duplicate FROM stripe_subscriptions ORDER BY is_duplicate',
    );
    t.strictSame(all.rows, [
      { status: 'active', is_duplicate: false },
      { status: 'canceled', is_duplicate: true },
    ]);
    t.match((await pool.query('SELECT amount_minor FROM refunds')).rows, [{ amount_minor: 7900 }]);
    t.match(await ada.current(), { plan: 'pro', status: 'active' });
  },
);

t.test('given seats and a pause', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, advance, pool } = stripe;
  await subscribe(stripe, { plan: 'pro' });
  const seats = async () => (await pool.query('SELECT seats FROM subscriptions')).rows[0].seats;

  await t.test('when seats are bought, then they count at once and are charged for the rest', async (t) => {
    t.match(await ada.post('/api/billing/seats', { seats: 8 }), {
      status: 200,
      body: { seats: 8, status: 'active' },
    });
    t.equal(await seats(), 8);
    const { body } = await ada.get<{ data: { amount_paid_minor: number }[] }>('/api/billing/invoices');
    t.equal(body.data[0]?.amount_paid_minor, 7 * 7900);
  });

  await t.test('when it is paused, then the paid period is served and nothing more is charged', async (t) => {
    t.match(await ada.post('/api/billing/pause'), { status: 200, body: { paused: true } });
    t.match(await ada.current(), { plan: 'pro', access_ends_at: '2026-12-20T12:00:00.000Z' });
    await advance(31 * DAY_MS);
    t.match(await ada.current(), { plan: 'free' });
    t.equal(await seats(), null);
    const { body } = await ada.get<{ data: { status: string }[] }>('/api/billing/invoices');
    t.equal(body.data[0]?.status, 'void');
  });

  await t.test('when the pause ends, then the plan is back with the next paid period', async (t) => {
    t.match(await ada.post('/api/billing/resume'), { status: 200, body: { paused: false } });
    await advance(31 * DAY_MS);
    t.match(await ada.current(), { plan: 'pro', status: 'active' });
  });
});
