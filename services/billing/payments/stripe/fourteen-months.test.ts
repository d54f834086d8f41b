/** One customer over 14 months. Every figure is worked out by hand: prices 29.00, 79.00; shares of a period by seconds. */
import t from 'tap';
import type { InvoiceWire } from '#libs/contracts/billing.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { readPreset } from '../../customers.fixture.ts';
import { createStripeService } from './stripe.fixture.ts';

t.test('given a customer from sign-up to win-back', async (t) => {
  const { ada, advance, pool, settle, service } = await createStripeService(t, {
    catalogue: readPreset('lily'),
  });
  const { clock } = service.runtime;
  const at = (instant: string) => advance(new Date(instant).getTime() - clock.now().getTime());
  const invoices = async () =>
    (await ada.get<{ data: InvoiceWire[] }>('/api/billing/invoices?limit=100')).body.data.toReversed();
  const lastInvoice = async () => {
    const last = (await invoices()).at(-1);
    return last && [last.status, last.amount_paid_minor, last.lines.map(({ amount_minor }) => amount_minor)];
  };
  const checkout = async (body: object, card: string) => {
    const { body: page } = await ada.post<{ url: string }>('/api/billing/checkout', body);
    await click(page.url, { card });
    await settle();
  };
  const limit = async (meter: string) => {
    const amount = (await ada.current()).limits.find((one) => one.meter === meter)?.amount;
    return amount?.kind === 'limited' ? amount.value : amount?.kind;
  };
  /** Plan, state, end of access, start of the period, and how many images it includes. */
  const access = async () => {
    const { plan, status, access_ends_at: until, current_period: period } = await ada.current();
    return [plan, status, until, period.start, await limit('images')];
  };
  const seats = () => limit('team.members');

  await t.test('November: a trial of 14 days, and nothing is charged', async (t) => {
    t.match(await access(), ['free', 'active', null, /^2026/, '5']);
    await checkout({ plan: 'starter', trial: true }, '0341');
    t.match(await access(), ['starter', 'trialing', '2026-12-07T12:00:00.000Z', /^2026-11/, '10']);
    t.equal(await seats(), '1');
    t.strictSame(await invoices(), []);
  });

  await t.test('December: the card fails, the plan is served for three days, and is paid late', async (t) => {
    await at('2026-12-04T14:00:00.000Z');
    t.strictSame(await access(), [
      'starter',
      'past_due',
      '2026-12-07T12:00:00.000Z',
      '2026-12-04T12:00:00.000Z',
      '10',
    ]);
    t.strictSame(await lastInvoice(), ['open', 0, [2900]]);
    clock.set('2026-12-07T11:59:59.000Z');
    t.match(await access(), ['starter', 'past_due', /^2026-12-07/, /^2026-12-04/, '10']);
    clock.set('2026-12-07T12:00:00.000Z');
    t.match(await access(), ['free', 'active', null, /^2026/, '5'], 'no job and no event is needed');
    clock.set('2026-12-08T09:00:00.000Z');
    const { rows } = await pool.query(`SELECT hosted_url FROM invoices WHERE status = 'open'`);
    await click(rows[0].hosted_url, { card: '4242' });
    await settle();
    t.strictSame(await access(), [
      'starter',
      'active',
      '2027-01-07T12:00:00.000Z',
      '2026-12-04T12:00:00.000Z',
      '10',
    ]);
    t.strictSame(await lastInvoice(), ['paid', 2900, [2900]]);
  });

  await t.test('January: an upgrade with 16 of 31 days left', async (t) => {
    await at('2027-01-04T14:00:00.000Z');
    t.strictSame(await lastInvoice(), ['paid', 2900, [2900]]);
    await at('2027-01-19T12:00:00.000Z');
    t.equal((await ada.upgrade('pro')).status, 200);
    // 29.00 × 16/31 = 14.97 credited, 79.00 × 16/31 = 40.77 charged.
    t.strictSame(await lastInvoice(), ['paid', 2580, [-1497, 4077]]);
    t.match(await access(), ['pro', 'active', '2027-02-07T12:00:00.000Z', '2027-01-04T12:00:00.000Z', '50']);
    t.equal(await seats(), '5');
  });

  await t.test('February: seats with half of the period left', async (t) => {
    await at('2027-02-04T14:00:00.000Z');
    t.strictSame(await lastInvoice(), ['paid', 7900, [7900]]);
    t.match(await access(), ['pro', 'active', '2027-03-07T12:00:00.000Z', '2027-02-04T12:00:00.000Z', '50']);
    await at('2027-02-18T12:00:00.000Z');
    t.equal(await seats(), '5', 'as the plan has by itself');
    t.equal((await ada.post('/api/billing/seats', { seats: 8 })).status, 200);
    // Half of 79.00 credited, half of 8 × 79.00 charged.
    t.strictSame(await lastInvoice(), ['paid', 27_650, [-3950, 31_600]]);
    t.equal(await seats(), '8');
    t.equal((await ada.post('/api/billing/seats', { seats: 3 })).status, 200);
    t.strictSame(await lastInvoice(), ['paid', 27_650, [-3950, 31_600]], 'nothing is credited');
    t.equal(await seats(), '8', 'seats that are paid stay to the end of the period');
  });

  await t.test('March: three seats, and a downgrade waits for the end of the period', async (t) => {
    await at('2027-03-04T14:00:00.000Z');
    t.equal(await seats(), '5', 'as the plan has by itself');
    t.match(await access(), ['pro', 'active', '2027-04-07T12:00:00.000Z', '2027-03-04T12:00:00.000Z', '50']);
    t.strictSame(await lastInvoice(), ['paid', 23_700, [23_700]]);
    t.equal((await ada.post('/api/subscription/downgrade', { plan: 'starter' })).status, 200);
    t.match(await ada.current(), {
      plan: 'pro',
      scheduled_change: { plan: 'starter', effective_at: '2027-04-04T12:00:00.000Z' },
    });
  });

  await t.test('April to August: three seats of the smaller plan', async (t) => {
    for (const month of ['04', '05', '06', '07', '08']) {
      await at(`2027-${month}-04T14:00:00.000Z`);
      const next = `0${Number(month) + 1}`.slice(-2);
      t.strictSame(await access(), [
        ...['starter', 'active', `2027-${next}-07T12:00:00.000Z`, `2027-${month}-04T12:00:00.000Z`, '10'],
      ]);
      t.strictSame(await lastInvoice(), ['paid', 8700, [8700]], month);
      t.equal(await seats(), '3', 'those that are paid, above the one of the plan');
    }
  });

  await t.test('September: it is cancelled, and ends with its period', async (t) => {
    t.equal((await ada.post('/api/subscription/cancel')).status, 200);
    clock.set('2027-09-04T11:59:59.000Z');
    t.match(await access(), ['starter', 'active', '2027-09-04T12:00:00.000Z', /^2027-08-04/, '10']);
    const before = (await invoices()).length;
    await at('2027-09-04T14:00:00.000Z');
    t.match(await access(), ['free', 'active', null, /^2027/, '5']);
    t.equal(await seats(), '1');
    t.equal((await invoices()).length, before, 'nothing more is charged');
  });

  await t.test('October to January: won back, without a second trial', async (t) => {
    await at('2027-10-15T12:00:00.000Z');
    t.match(await ada.post('/api/billing/checkout', { plan: 'pro', trial: true }), { status: 409 });
    await checkout({ plan: 'pro' }, '4242');
    for (const start of ['2027-10-15', '2027-11-15', '2027-12-15']) {
      await at(`${start}T14:00:00.000Z`);
      t.match(await access(), ['pro', 'active', /-18T12:00:00\.000Z$/, `${start}T12:00:00.000Z`, '50']);
      t.strictSame(await lastInvoice(), ['paid', 7900, [7900]]);
      t.equal(await seats(), '5');
    }
    await at('2028-01-14T12:00:00.000Z');
    t.match(await access(), ['pro', 'active', '2028-01-18T12:00:00.000Z', '2027-12-15T12:00:00.000Z', '50']);
    // December and ten months from January, upgrade and seats among them; then three months after the return.
    t.strictSame(
      (await invoices()).map(({ amount_paid_minor }) => amount_paid_minor),
      [2900, 2900, 2580, 7900, 27_650, 23_700, ...Array(5).fill(8700), 7900, 7900, 7900],
    );
    const { rows } = await pool.query(
      'SELECT count(DISTINCT customer_id)::int AS customers FROM stripe_subscriptions',
    );
    t.strictSame(rows, [{ customers: 1 }]);
  });
});
