import t from 'tap';
import { customer } from '../../customers.fixture.ts';
import { OTHER_ACCOUNT } from '../../fixtures.ts';
import { createStripeService, DAY_MS, HOUR_MS, subscribe } from './stripe.fixture.ts';

t.test('given events that were lost, then polling finds them and billing agrees with Stripe', async (t) => {
  const stripe = await createStripeService(t);
  const { ada, simulator, settle, runTask, pool } = stripe;
  simulator.chaos.drop = 1;
  await subscribe(stripe, { plan: 'pro' });
  t.match(await ada.current(), { plan: 'free' });
  await runTask('poll-stripe-events');
  await settle();
  t.match(await ada.current(), { plan: 'pro' });
  await runTask('poll-stripe-events');
  t.match(
    (await pool.query(`SELECT count(*)::int AS waiting FROM stripe_inbox WHERE processed_at IS NULL`)).rows,
    [{ waiting: 0 }],
  );
  await runTask('compare-stripe-subscriptions');
  t.strictSame((await pool.query('SELECT FROM stripe_drift')).rowCount, 0);
  await pool.query(`UPDATE stripe_subscriptions SET status = 'past_due'`);
  await runTask('compare-stripe-subscriptions');
  t.match((await pool.query('SELECT differences FROM stripe_drift')).rows, [
    { differences: { status: { ours: 'past_due', theirs: 'active' } } },
  ]);
  await settle();
  await runTask('compare-stripe-subscriptions');
  t.strictSame((await pool.query('SELECT FROM stripe_drift')).rowCount, 0);
});

for (const payload of ['snapshot', 'thin'] as const) {
  t.test(
    `given ${payload} events, doubled, shuffled and of one second, then the state is the same`,
    async (t) => {
      const stripe = await createStripeService(t, { payload });
      Object.assign(stripe.simulator.chaos, { shuffle: true, duplicate: 0.5, sameSecond: true });
      await subscribe(stripe, { plan: 'pro' });
      await stripe.ada.upgrade('enterprise');
      await stripe.advance(30 * DAY_MS + 2 * HOUR_MS);
      await stripe.ada.post('/api/subscription/cancel');
      await stripe.settle();
      t.match(await stripe.ada.current(), {
        plan: 'enterprise',
        status: 'active',
        cancel_at_period_end: true,
        access_ends_at: '2027-01-20T12:00:00.000Z',
      });
      const kinds = await stripe.ada.kinds();
      t.equal(kinds.filter((kind) => kind === 'payment_received').length, 3);
      t.equal(kinds.filter((kind) => kind === 'renewed').length, 1);
    },
  );
}

t.test('given a customer whom billing does not know, then no account is changed', async (t) => {
  const stripe = await createStripeService(t);
  const { pool, settle } = stripe;
  await subscribe(stripe, { plan: 'pro' });
  const unknown = await stripe.stripe.customers.create({ email: 'ada@example.com' });
  await stripe.stripe.paymentMethods.attach('pm_card_visa', { customer: unknown.id });
  const { rows } = await pool.query('SELECT price_id FROM stripe_subscriptions');
  await stripe.stripe.subscriptions.create({ customer: unknown.id, items: [{ price: rows[0].price_id }] });
  await settle();
  t.equal((await pool.query('SELECT FROM stripe_subscriptions')).rowCount, 1);
  t.match(
    (await pool.query(`SELECT DISTINCT outcome FROM stripe_inbox WHERE outcome = 'unknown_customer'`)).rows,
    [{ outcome: 'unknown_customer' }],
  );
  t.match(await customer(stripe.service, '0190a1b2-0000-7000-8000-00000000a002').current(), {
    plan: 'free',
  });
});

t.test('given a customer that was made and not stored, then it is adopted by its metadata', async (t) => {
  const stripe = await createStripeService(t);
  const { pool, settle, ada } = stripe;
  await subscribe(stripe, { plan: 'pro' });
  await pool.query('TRUNCATE stripe_customers, stripe_subscriptions, invoices, payments');
  const { rows } = await pool.query('SELECT price_id FROM stripe_checkouts');
  const made = await stripe.stripe.customers.create({ metadata: { account: OTHER_ACCOUNT } });
  await stripe.stripe.paymentMethods.attach('pm_card_visa', { customer: made.id });
  await stripe.stripe.subscriptions.create({ customer: made.id, items: [{ price: rows[0].price_id }] });
  await settle();
  t.equal(await stripe.customerId(OTHER_ACCOUNT), made.id);
  t.match(await customer(stripe.service, OTHER_ACCOUNT).current(), { plan: 'pro' });
  t.match(await ada.current(), { plan: 'pro' });
});
