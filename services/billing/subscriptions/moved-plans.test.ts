/** What customers decide, and pay, while a newer catalogue version moves them on. */
import t from 'tap';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import { runAllRollouts } from '../catalogues/catalogues.fixture.ts';
import { customer, markPaid, requestsOf } from '../customers.fixture.ts';
import { createTestService, DEFAULT_CATALOGUE, staffCaller, type TestService } from '../fixtures.ts';

const BASIC_PRICE = 'monthlyMinor: 2900';
const PRO_PRICE = 'monthlyMinor: 7900';

/** Publishes the preset with other prices and moves every subscription as it says. */
async function republish(
  t: { error: (error: unknown) => unknown },
  { call, pool, runtime }: TestService,
  migration: 'now' | 'period_end',
  prices: { basic: number; pro: number },
): Promise<void> {
  const text = DEFAULT_CATALOGUE.replace(BASIC_PRICE, `monthlyMinor: ${prices.basic}`).replace(
    PRO_PRICE,
    `monthlyMinor: ${prices.pro}`,
  );
  const url = '/api/admin/catalogues';
  const { body } = await call<{ version_id: string }>('POST', url, {
    as: staffCaller('admin'),
    body: text,
  });
  await call('POST', `${url}/${body.version_id}/publish`, {
    as: staffCaller('admin'),
    body: { migration },
  });
  await runAllRollouts({ pool, runtime, onFailure: (line) => void t.error(line) });
}

const CHEAPER = { basic: 1000, pro: 6000 };

t.test('given a plan with a scheduled move to a new catalogue version', async (t) => {
  async function moving(t: Parameters<typeof createTestService>[0]) {
    const service = await createTestService(t);
    const own = customer(service);
    await own.buy('pro');
    return { ...own, service, ends: () => service.runtime.clock.set('2026-12-20T12:00:00.000Z') };
  }
  const moved = { plan: 'pro', status: 'past_due', catalogue: { version: 2 } };

  await t.test('when a downgrade is withdrawn, then it still moves', async (t) => {
    const { service, post, current, ends, kinds } = await moving(t);
    await post('/api/subscription/downgrade', { plan: 'basic' });
    await republish(t, service, 'period_end', CHEAPER);
    t.match(await current(), { scheduled_change: { plan: 'basic' }, catalogue: { version: 1 } });
    for (const _ of [1, 2]) {
      const { body } = await post('/api/subscription/resume');
      t.match(body.data, { plan: 'pro', scheduled_change: { plan: 'pro' } });
    }
    t.strictSame(
      (await kinds()).filter((kind) => kind === 'resumed'),
      ['resumed'],
    );
    ends();
    t.match(await current(), moved);
  });

  await t.test('when it is downgraded after publication and resumed, then it still moves', async (t) => {
    const { service, post, current, ends } = await moving(t);
    await republish(t, service, 'period_end', CHEAPER);
    await post('/api/subscription/downgrade', { plan: 'basic' });
    t.match(await current(), { scheduled_change: { plan: 'basic' } });
    await post('/api/subscription/resume');
    ends();
    t.match(await current(), moved);
  });

  await t.test('when it is cancelled, then the next plan belongs to the new version', async (t) => {
    const { service, post, current, ends } = await moving(t);
    await republish(t, service, 'period_end', CHEAPER);
    t.match((await post('/api/subscription/cancel')).body.data, {
      cancel_at_period_end: true,
      scheduled_change: null,
    });
    ends();
    t.match(await current(), { plan: 'free', catalogue: { version: 2 } });
  });

  await t.test('when a cancellation is withdrawn, then it still moves', async (t) => {
    const { service, post, current, ends } = await moving(t);
    await republish(t, service, 'period_end', CHEAPER);
    await post('/api/subscription/cancel');
    await post('/api/subscription/resume');
    ends();
    t.match(await current(), moved);
  });

  await t.test('when an earlier request is paid, then its plan moves too', async (t) => {
    const service = await createTestService(t);
    const { upgrade, current, ...own } = customer(service);
    await own.buy('basic');
    const { body } = await upgrade('pro');
    await republish(t, service, 'period_end', CHEAPER);
    await markPaid(service, body.payment_request?.id ?? '');
    t.match(await current(), { plan: 'pro', catalogue: { version: 1 } });
    service.runtime.clock.set('2026-12-20T12:00:00.000Z');
    t.match(await current(), moved);
  });
});

t.test('given a plan that moved within its period', async (t) => {
  const preview = async ({ get }: ReturnType<typeof customer>) =>
    (await get<{ data: ChangePreview }>('/api/subscription/preview?plan=pro')).body.data;

  for (const [what, basic] of [
    ['dearer', 5000],
    ['cheaper', 1000],
  ] as const) {
    await t.test(`when its price became ${what}, then the credit is of what was paid`, async (t) => {
      const service = await createTestService(t);
      const own = customer(service);
      await own.buy('basic');
      await republish(t, service, 'now', { basic, pro: 7900 });
      t.match(await own.current(), { plan: 'basic', catalogue: { version: 2 } });
      t.match(await preview(own), { proration: { charge_minor: 7900, credit_minor: 2900 } });
      // what was moved twice was paid once
      await republish(t, service, 'now', { basic: 1, pro: 7900 });
      t.match(await preview(own), { amount_due_now_minor: 5000, proration: { credit_minor: 2900 } });
      service.runtime.clock.set('2026-12-20T12:00:00.000Z');
      t.match(await own.current(), { status: 'past_due' });
      t.match((await requestsOf(service)).at(-1), { status: 'open', amount_minor: 1 });
    });
  }

  await t.test('when it was free before, then there is no credit', async (t) => {
    const gratis = DEFAULT_CATALOGUE.replace(`${BASIC_PRICE}, yearlyMinor: 29000`, 'monthlyMinor: 0');
    const service = await createTestService(t, gratis);
    const own = customer(service);
    await own.upgrade('basic');
    await republish(t, service, 'now', { basic: 2900, pro: 7900 });
    t.match(await own.current(), { plan: 'basic', catalogue: { version: 2 } });
    t.match(await preview(own), { amount_due_now_minor: 7900, proration: null });
  });

  await t.test('when an earlier renewal is paid, then it stays on the new version', async (t) => {
    const service = await createTestService(t);
    const own = customer(service);
    await own.buy('basic');
    service.runtime.clock.set('2026-12-20T12:00:00.000Z');
    t.match(await own.current(), { status: 'past_due' });
    await republish(t, service, 'now', { basic: 5000, pro: 7900 });
    const renewal = (await requestsOf(service)).at(-1);
    t.match(renewal, { status: 'open', amount_minor: 2900 });
    await markPaid(service, renewal.id);
    t.match(await own.current(), { status: 'active', plan: 'basic', catalogue: { version: 2 } });
    t.match(await preview(own), { proration: { credit_minor: 2900 } }, 'with what it was paid with');
  });
});
