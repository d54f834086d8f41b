import type Stripe from 'stripe';
import t from 'tap';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { click, clientOf, createPrices, DAY_MS, startTestStripe } from './stripe.fixture.ts';

async function subscribed(stripe: Stripe, price: string, quantity = 1) {
  const customer = await stripe.customers.create({ metadata: { account: 'a' } });
  await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price, quantity }],
    billing_mode: { type: 'flexible' },
  });
  return { customer, subscription, item: subscription.items.data[0]?.id ?? '' };
}

const typesOf = async (stripe: Stripe) =>
  (await stripe.events.list({ limit: 100 })).data.map(({ type }) => type).reverse();

t.test('given a checkout session', async (t) => {
  const { stripe } = await startTestStripe(t);
  const { basic } = await createPrices(stripe);
  const customer = await stripe.customers.create({ email: 'ada@example.com' });
  const create = () =>
    stripe.checkout.sessions.create({
      mode: 'subscription',
      customer: customer.id,
      line_items: [{ price: basic.id, quantity: 1 }],
      subscription_data: { metadata: { account: 'a' }, billing_mode: { type: 'flexible' } },
      success_url: 'https://app.example/done?session={CHECKOUT_SESSION_ID}',
      cancel_url: 'https://app.example/plans',
    });

  await t.test('when the card is declined, then the page says so and nothing is sold', async (t) => {
    const { url } = await create();
    const { status, html } = await click(url ?? '', { card: '0002' });
    t.equal(status, 402);
    t.match(html, 'Your card was declined.');
    t.strictSame((await stripe.subscriptions.list({ status: 'all' })).data, []);
  });

  await t.test('when the bank asks, then the payment waits for the answer', async (t) => {
    const { url, id } = await create();
    t.match((await click(url ?? '', { card: '3155' })).html, '3-D Secure');
    t.match((await click(url ?? '', { card: '3155', challenge: 'fail' })).html, 'The authentication failed.');
    t.equal((await stripe.checkout.sessions.retrieve(id)).status, 'open');
    const { status, location } = await click(url ?? '', { card: '3155', challenge: 'pass' });
    t.strictSame([status, location], [303, `https://app.example/done?session=${id}`]);
    const session = await stripe.checkout.sessions.retrieve(id);
    t.match(session, { status: 'complete', payment_status: 'paid', url: null });
    const subscription = await stripe.subscriptions.retrieve(String(session.subscription));
    t.match(subscription, {
      status: 'active',
      metadata: { account: 'a' },
      billing_mode: { type: 'flexible' },
    });
    t.match(await stripe.invoices.retrieve(String(session.invoice)), {
      status: 'paid',
      amount_paid: 2900,
      billing_reason: 'subscription_create',
    });
    t.equal((await click(url ?? '', { card: '4242' })).html.includes('This session is closed.'), true);
  });

  await t.test('then the page offers the way back', async (t) => {
    const { url } = await create();
    const html = await (await fetch(url ?? '')).text();
    t.match(html, 'https://app.example/plans');
    t.match(html, '29.00 USD');
  });
});

t.test('given a monthly subscription', async (t) => {
  const clock = createFakeClock('2026-11-01T00:00:00.000Z');
  const { stripe, simulator } = await startTestStripe(t, { clock });
  const { basic, pro, year } = await createPrices(stripe);
  const { subscription, item, customer } = await subscribed(stripe, basic.id);
  const end = Date.parse('2026-12-01T00:00:00.000Z') / 1000;

  await t.test('then the first invoice is paid at once', async (t) => {
    t.match(subscription, { status: 'active', items: { data: [{ current_period_end: end }] } });
    t.strictSame((await typesOf(stripe)).slice(-8), [
      'customer.subscription.created',
      'invoice.created',
      'invoice.finalized',
      'charge.succeeded',
      'payment_intent.succeeded',
      'invoice.paid',
      'customer.subscription.updated',
      'customer.subscription.updated',
    ]);
  });

  await t.test('when half of the period is left, then an upgrade costs half of both prices', async (t) => {
    simulator.advance(15 * DAY_MS);
    const details = {
      items: [{ id: item, price: pro.id }],
      proration_behavior: 'always_invoice' as const,
      proration_date: Date.parse('2026-11-16T00:00:00.000Z') / 1000,
    };
    const preview = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: details,
    });
    t.strictSame(
      preview.lines.data.map(({ amount }) => amount),
      [-1450, 3950],
    );
    t.equal(preview.amount_due, 2500);
    const changed = await stripe.subscriptions.update(subscription.id, {
      ...details,
      payment_behavior: 'pending_if_incomplete',
    });
    t.equal(changed.items.data[0]?.price.id, pro.id);
    const invoice = await stripe.invoices.retrieve(String(changed.latest_invoice));
    t.match(invoice, { status: 'paid', amount_paid: 2500, billing_reason: 'subscription_update' });
  });

  await t.test('when it changes again, then what was debited is credited, not the price', async (t) => {
    const preview = await stripe.invoices.createPreview({
      subscription: subscription.id,
      subscription_details: {
        items: [{ id: item, price: year.id }],
        proration_behavior: 'always_invoice',
        proration_date: Date.parse('2026-11-16T00:00:00.000Z') / 1000,
      },
    });
    t.strictSame(
      preview.lines.data.map(({ amount }) => amount),
      [-3950, 79_000],
    );
  });

  await t.test('when the period ends, then it is active before the invoice is collected', async (t) => {
    simulator.advance(15 * DAY_MS);
    const renewed = await stripe.subscriptions.retrieve(subscription.id);
    t.match(renewed, { status: 'active', items: { data: [{ current_period_start: end }] } });
    const draft = await stripe.invoices.retrieve(String(renewed.latest_invoice));
    t.match(draft, { status: 'draft', amount_due: 7900 });
    simulator.advance(3_600_000);
    t.match(await stripe.invoices.retrieve(draft.id), { status: 'paid', amount_paid: 7900 });
  });

  await t.test('when the card fails, then it is tried for two weeks, and the plan ends', async (t) => {
    await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer: customer.id });
    simulator.advance(31 * DAY_MS + 3_600_000);
    t.equal((await stripe.subscriptions.retrieve(subscription.id)).status, 'past_due');
    simulator.advance(20 * DAY_MS);
    t.match(await stripe.subscriptions.retrieve(subscription.id), {
      status: 'canceled',
      cancellation_details: { reason: 'payment_failed' },
    });
  });
});

t.test('given a schedule, when its second phase begins, then price and invoice follow it', async (t) => {
  const { stripe, simulator } = await startTestStripe(t);
  const { basic, pro } = await createPrices(stripe);
  const { subscription } = await subscribed(stripe, pro.id, 2);
  const schedule = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [now] = schedule.phases;
  await stripe.subscriptionSchedules.update(schedule.id, {
    end_behavior: 'release',
    phases: [
      {
        start_date: now?.start_date ?? 0,
        end_date: now?.end_date ?? 0,
        items: [{ price: pro.id, quantity: 2 }],
      },
      { items: [{ price: basic.id, quantity: 2 }] },
    ],
  });
  simulator.advance(30 * DAY_MS + 3_700_000);
  const changed = await stripe.subscriptions.retrieve(subscription.id);
  t.match(changed, { schedule: null, items: { data: [{ quantity: 2, price: { id: basic.id } }] } });
  t.match(await stripe.invoices.retrieve(String(changed.latest_invoice)), { amount_paid: 5800 });
});

t.test('given two items, then each is charged and credited for itself', async (t) => {
  const clock = createFakeClock('2026-11-01T00:00:00.000Z');
  const { stripe, simulator } = await startTestStripe(t, { clock });
  const { basic, pro, year } = await createPrices(stripe);
  const product = (await stripe.products.create({ name: 'Seats' })).id;
  const recurring = { interval: 'month' } as const;
  const seat = await stripe.prices.create({ product, currency: 'usd', unit_amount: 1000, recurring });
  const customer = (await stripe.customers.create()).id;
  await stripe.paymentMethods.attach('pm_card_visa', { customer });
  const { id, items, latest_invoice } = await stripe.subscriptions.create({
    customer,
    items: [{ price: basic.id }, { price: seat.id, quantity: 3 }],
  });
  const [plan = '', seats = ''] = items.data.map((item) => item.id);
  const amountsOf = async (invoice: Stripe.Subscription['latest_invoice']) =>
    (await stripe.invoices.retrieve(String(invoice))).lines.data.map(({ amount }) => amount);
  const change = async (changed: Stripe.SubscriptionUpdateParams.Item[]) => {
    const updated = await stripe.subscriptions.update(id, {
      items: changed,
      proration_behavior: 'always_invoice',
    });
    return amountsOf(updated.latest_invoice);
  };
  t.strictSame(await amountsOf(latest_invoice), [2900, 3000]);
  simulator.advance(15 * DAY_MS);
  const preview = await stripe.invoices.createPreview({
    subscription: id,
    subscription_details: { items: [{ id: seats, quantity: 5 }], proration_behavior: 'always_invoice' },
  });
  t.strictSame(
    preview.lines.data.map(({ amount }) => amount),
    [-1500, 2500],
    'half of the period is left, and the plan is not touched',
  );
  t.strictSame(
    await change([
      { id: plan, price: pro.id },
      { id: seats, quantity: 5 },
    ]),
    [-1450, -1500, 3950, 2500],
  );
  t.strictSame(await change([{ price: basic.id }]), [1450], 'an item without an id is added');
  t.strictSame(await change([{ id: seats, deleted: true }]), [-2500]);
  await t.rejects(change([{ price: year.id }]), { message: /one interval/ });
  await t.rejects(change([{ price: pro.id }]), { message: /same price/ });
  await t.rejects(change([{ id: 'si_none', quantity: 2 }]), { message: /No such subscription item/ });
  simulator.advance(15 * DAY_MS + 3_600_000);
  const renewed = await stripe.subscriptions.retrieve(id);
  t.strictSame(
    renewed.items.data.map(({ price, quantity }) => [price.unit_amount, quantity]),
    [
      [7900, 1],
      [2900, 1],
    ],
  );
  t.strictSame(await amountsOf(renewed.latest_invoice), [7900, 2900]);
  t.match(await stripe.invoices.retrieve(String(renewed.latest_invoice)), {
    amount_paid: 7900 + 2900 - 2500,
    starting_balance: -2500,
  });
});

t.test('given a trial, then nothing is charged before it ends', async (t) => {
  const { stripe, simulator } = await startTestStripe(t);
  const { pro } = await createPrices(stripe);
  const customer = await stripe.customers.create();
  await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: pro.id }],
    trial_period_days: 14,
  });
  simulator.advance(12 * DAY_MS);
  t.ok((await typesOf(stripe)).includes('customer.subscription.trial_will_end'));
  t.strictSame((await stripe.invoices.list()).data, []);
  simulator.advance(2 * DAY_MS);
  t.match(await stripe.subscriptions.retrieve(id), { status: 'active' });
  t.match((await stripe.invoices.list()).data, [{ status: 'draft', amount_due: 7900 }]);
});

t.test('given a payment, then it can be refunded once, and credited', async (t) => {
  const { stripe } = await startTestStripe(t);
  const { pro } = await createPrices(stripe);
  const { subscription } = await subscribed(stripe, pro.id);
  const invoice = await stripe.invoices.retrieve(String(subscription.latest_invoice), {
    expand: ['payments'],
  });
  const payment_intent = String(invoice.payments?.data[0]?.payment.payment_intent);
  t.match(await stripe.refunds.create({ payment_intent, amount: 1000 }), {
    status: 'succeeded',
    amount: 1000,
  });
  await t.rejects(stripe.refunds.create({ payment_intent, amount: 7000 }), { message: /Refund amount/ });
  t.match(await stripe.creditNotes.create({ invoice: invoice.id, amount: 900, refund_amount: 900 }), {
    amount: 900,
    status: 'issued',
  });
  const intent = await stripe.paymentIntents.retrieve(payment_intent);
  t.match(await stripe.charges.retrieve(String(intent.latest_charge)), { amount_refunded: 1900 });
});

t.test('given a write whose answer is lost, when the SDK repeats it, then it happened once', async (t) => {
  const { simulator } = await startTestStripe(t, { random: () => 0.3 });
  simulator.chaos.lostAnswers = 0.5;
  const { id } = await clientOf(simulator).customers.create({}, { idempotencyKey: 'one' });
  simulator.chaos.lostAnswers = 0;
  t.strictSame(Object.keys(simulator.data.customers), [id]);
  await t.rejects(clientOf(simulator).customers.create({ name: 'x' }, { idempotencyKey: 'one' }), {
    message: /idempotent requests/,
  });
  simulator.chaos.rateLimit = 1;
  await t.rejects(clientOf(simulator).customers.retrieve(id), { message: /Too many requests/ });
});

t.test('given a file, then the account survives a restart', async (t) => {
  const file = `${t.testdir()}/stripe.json`;
  const first = await startTestStripe(t, { file });
  const { id } = await first.stripe.customers.create({ name: 'Ada' });
  first.simulator.advance(DAY_MS);
  const offset = first.simulator.data.offsetMs;
  await first.simulator.close();
  const second = await startTestStripe(t, { file });
  t.match(await second.stripe.customers.retrieve(id), { name: 'Ada' });
  t.equal(second.simulator.data.offsetMs, offset);
  await second.simulator.close();
});
