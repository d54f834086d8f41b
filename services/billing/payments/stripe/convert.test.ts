/** Subscriptions with more than the plan, such as an add-on that staff sell at Stripe. */
import t from 'tap';
import { externalOf, planItemOf } from './convert.ts';
import { createStripeService, DAY_MS, HOUR_MS, subscribe } from './stripe.fixture.ts';

t.test('given an add-on at Stripe, then the plan is that of the other item', async (t) => {
  const service = await createStripeService(t);
  const { ada, advance, stripe, simulator, settle, pool } = service;
  await subscribe(service, { plan: 'pro', seats: 3 });
  const [{ id }] = (await pool.query('SELECT id FROM stripe_subscriptions')).rows;
  const product = await stripe.products.create({ name: 'Priority support' });
  const addOn = await stripe.prices.create({
    ...{ product: product.id, currency: 'usd', unit_amount: 1000, recurring: { interval: 'month' } },
  });
  await stripe.subscriptions.update(id, {
    items: [{ price: addOn.id, quantity: 2 }],
    proration_behavior: 'always_invoice',
  });
  // The order of items says nothing.
  simulator.data.subscriptions[id]?.items.data.reverse();
  await settle();
  const projected = async () =>
    (await pool.query('SELECT plan_key, quantity, scheduled_quantity FROM stripe_subscriptions')).rows;
  const newestLines = async () => {
    const { data } = await stripe.invoices.list({ subscription: id, limit: 1 });
    return data[0]?.lines.data.map(({ amount }) => amount).sort((a, b) => a - b);
  };
  const itemsAtStripe = async () =>
    (await stripe.subscriptions.retrieve(id)).items.data.map(({ price, quantity }) => [
      price.id === addOn.id ? 'add-on' : price.unit_amount,
      quantity,
    ]);

  await t.test('then it is neither a plan nor seats', async (t) => {
    t.strictSame(await newestLines(), [2000], 'at once and for the whole period');
    t.strictSame(await projected(), [{ plan_key: 'pro', quantity: 3, scheduled_quantity: null }]);
    t.match(await ada.current(), { plan: 'pro', status: 'active' });
  });

  await t.test('when seats are added, then it stays as it is', async (t) => {
    await advance(15 * DAY_MS);
    t.equal((await ada.post('/api/billing/seats', { seats: 5 })).status, 200);
    // Half of 3 × 79.00 is credited, half of 5 × 79.00 is charged.
    t.strictSame(await newestLines(), [-11_850, 19_750]);
    t.strictSame(await itemsAtStripe(), [
      ['add-on', 2],
      [7900, 5],
    ]);
    t.strictSame(await projected(), [{ plan_key: 'pro', quantity: 5, scheduled_quantity: null }]);
  });

  await t.test('when a smaller plan begins, then it goes on with the plan', async (t) => {
    await ada.post('/api/billing/seats', { seats: 4 });
    t.equal((await ada.post('/api/subscription/downgrade', { plan: 'basic' })).status, 200);
    t.match((await ada.current()).scheduled_change, { plan: 'basic' });
    t.match((await ada.get('/api/billing/upcoming')).body, {
      invoice: { amount_due_minor: 4 * 2900 + 2000 },
    });
    await advance(15 * DAY_MS + 2 * HOUR_MS);
    t.strictSame(await newestLines(), [2000, 4 * 2900]);
    t.strictSame(await projected(), [{ plan_key: 'basic', quantity: 4, scheduled_quantity: null }]);
    t.match(await ada.current(), { plan: 'basic', status: 'active' });
  });

  await t.test('when only the add-on is paid, then the plan is not', async (t) => {
    const subscription = await stripe.subscriptions.retrieve(id);
    const { data: invoices } = await stripe.invoices.list({ subscription: id, limit: 1 });
    const planItem = planItemOf(subscription).id;
    const paidLines = (isPlan: boolean) =>
      invoices.map((invoice) => ({
        ...invoice,
        billing_reason: 'subscription_update' as const,
        lines: {
          ...invoice.lines,
          data: invoice.lines.data.filter(
            ({ parent }) => (parent?.subscription_item_details?.subscription_item === planItem) === isPlan,
          ),
        },
      }));
    const until = (isPlan: boolean) =>
      externalOf({ ...subscription, status: 'past_due' }, paidLines(isPlan), null).paidThrough.getTime() /
      1000;
    t.equal(until(true), planItemOf(subscription).current_period_end);
    t.equal(until(false), subscription.start_date);
  });

  await t.test('given only the add-on, then there is no plan', async (t) => {
    const subscription = await stripe.subscriptions.retrieve(id);
    const of = (data: typeof subscription.items.data) => ({
      ...subscription,
      items: { ...subscription.items, data },
    });
    const alone = subscription.items.data.filter(({ price }) => price.id === addOn.id);
    t.equal(externalOf(of(alone), [], null).plan, null);
    t.throws(() => planItemOf(of([])), RangeError);
  });
});
