import { createServer } from 'node:http';
import type Stripe from 'stripe';
import t from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { click, createPrices, DAY_MS, startTestStripe } from './stripe.fixture.ts';

const MINUTE_MS = 60_000;

async function startAccount(t: Parameters<typeof startTestStripe>[0]) {
  const clock = createFakeClock('2026-11-01T00:00:00.000Z');
  const { stripe, simulator } = await startTestStripe(t, { clock });
  const prices = await createPrices(stripe);
  const customer = await stripe.customers.create({ name: 'Ada' });
  await stripe.paymentMethods.attach('pm_card_visa', { customer: customer.id });
  const invoiced = async (): Promise<number[]> =>
    (await stripe.invoices.list({ limit: 100 })).data.map(({ amount_paid }) => amount_paid).reverse();
  return { stripe, simulator, customer: customer.id, invoiced, ...prices };
}

async function typesOf(stripe: Stripe): Promise<string[]> {
  return (await stripe.events.list({ limit: 100 })).data.map(({ type }) => type);
}

t.test('given coupons, then each takes off what its duration says', async (t) => {
  const { stripe, simulator, customer, invoiced, basic } = await startAccount(t);
  await stripe.coupons.create({ id: 'half', percent_off: 50, duration: 'repeating', duration_in_months: 2 });
  await stripe.coupons.create({ id: 'nine', amount_off: 900, currency: 'usd', duration: 'once' });
  const subscribe = (coupon: string) =>
    stripe.subscriptions.create({ customer, items: [{ price: basic.id }], discounts: [{ coupon }] });
  const once = await subscribe('nine');
  t.strictSame(await invoiced(), [2000]);
  t.strictSame((await stripe.subscriptions.retrieve(once.id)).discounts, []);
  simulator.advance(31 * DAY_MS);
  t.strictSame(await invoiced(), [2000, 2900]);
  await stripe.subscriptions.cancel(once.id);
  await subscribe('half');
  simulator.advance(32 * DAY_MS);
  simulator.advance(32 * DAY_MS);
  t.strictSame(await invoiced(), [2000, 2900, 1450, 1450, 2900]);
  t.ok((await typesOf(stripe)).includes('customer.discount.deleted'));
});

t.test('given a promotion code, then the page takes it once, and says when it is not valid', async (t) => {
  const { stripe, customer, invoiced, pro } = await startAccount(t);
  await stripe.coupons.create({ id: 'half', percent_off: 50, duration: 'forever' });
  await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: 'half' },
    code: 'HALF',
    max_redemptions: 1,
  });
  const open = async () =>
    (
      await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer,
        line_items: [{ price: pro.id, quantity: 1 }],
        allow_promotion_codes: true,
        success_url: 'https://app.example/done',
      })
    ).url ?? '';
  const page = await open();
  t.match(await click(page, { card: '4242', promotion_code: 'TWICE' }), {
    status: 402,
    html: /This promotion code is not valid/,
  });
  t.equal((await click(page, { card: '4242', promotion_code: 'HALF' })).status, 303);
  t.strictSame(await invoiced(), [3950]);
  t.equal((await click(await open(), { card: '4242', promotion_code: 'HALF' })).status, 402, 'used up');
});

t.test('given invoice items, then the next invoice charges them once', async (t) => {
  const { stripe, simulator, customer, invoiced, basic } = await startAccount(t);
  await stripe.subscriptions.create({ customer, items: [{ price: basic.id }] });
  const item = (amount: number) =>
    stripe.invoiceItems.create({ customer, amount, currency: 'usd', description: 'Extra' });
  const { id } = await item(700);
  const dropped = await item(5000);
  t.match(await stripe.invoiceItems.del(dropped.id), { deleted: true });
  simulator.advance(31 * DAY_MS);
  t.strictSame(await invoiced(), [2900, 3600]);
  t.match((await stripe.invoiceItems.retrieve(id)).invoice, /^in_/);
  await t.rejects(stripe.invoiceItems.del(id), { message: /on an invoice/ });
  simulator.advance(31 * DAY_MS);
  t.strictSame(await invoiced(), [2900, 3600, 2900]);
});

t.test('given disputes, then evidence decides them', async (t) => {
  const { stripe, simulator, customer, basic } = await startAccount(t);
  await stripe.subscriptions.create({ customer, items: [{ price: basic.id }] });
  const [charge = ''] = Object.keys(simulator.data.charges);
  const dispute = simulator.dispute(charge);
  t.match(await stripe.disputes.retrieve(dispute), { status: 'needs_response', amount: 2900 });
  const evidence = { uncategorized_text: 'winning_evidence' };
  t.match(await stripe.disputes.update(dispute, { evidence }), { status: 'won' });
  await t.rejects(stripe.disputes.close(dispute), { message: /is won/ });
  t.match(await stripe.disputes.close(simulator.dispute(charge)), { status: 'lost' });
  t.equal((await typesOf(stripe)).filter((type) => type === 'charge.dispute.closed').length, 2);
});

t.test(
  'given an endpoint that fails, then a delivery is repeated after longer and longer pauses',
  async (t) => {
    let status = 500;
    const seen: string[] = [];
    const url = await listenServerOnFreePort(
      t,
      createServer((request, response) => {
        seen.push(String(request.headers['stripe-signature']).slice(2, 12));
        response.writeHead(status).end();
        request.resume();
      }),
    );
    const clock = createFakeClock('2026-11-01T00:00:00.000Z');
    const { stripe, simulator } = await startTestStripe(t, {
      clock,
      webhooks: [{ url, secrets: ['whsec_of_this_test'], payload: 'snapshot' }],
    });
    const start = clock.now().getTime();
    await stripe.customers.create({ name: 'Ada' });
    await simulator.flush();
    for (const minutes of [4, 1, 29, 1]) {
      clock.advance(minutes * MINUTE_MS);
      await simulator.flush();
    }
    const minutesOf = () => seen.map((seconds) => (Number(seconds) * 1000 - start) / MINUTE_MS);
    t.strictSame(minutesOf(), [0, 5, 35]);
    status = 200;
    clock.advance(3 * DAY_MS);
    await simulator.flush();
    clock.advance(3 * DAY_MS);
    await simulator.flush();
    t.equal(seen.length, 4, 'and not after it was taken');
  },
);
