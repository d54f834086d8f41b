import t from 'tap';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createJobs, customer, emitted, readPreset, requestsOf } from '../customers.fixture.ts';
import { ACCOUNT, createTestService } from '../fixtures.ts';

type Preview = { data: ChangePreview };

const PREVIEW = '/api/subscription/preview';
t.test('given a cancelled plan', async (t) => {
  const service = await createTestService(t);
  const { runtime, ledger } = service;
  const { buy, post, current, upgrade, kinds } = customer(service);
  await buy('pro');
  const holdBlogs = (n: bigint) => ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': n }));

  await t.test('then it stays until its period ends, also if cancelled twice', async (t) => {
    for (const _ of [1, 2]) {
      const { status, body } = await post('/api/subscription/cancel');
      t.equal(status, 200);
      t.match(body.data, {
        plan: 'pro',
        status: 'active',
        cancel_at_period_end: true,
        access_ends_at: '2026-12-20T12:00:00.000Z',
      });
    }
  });

  await t.test('when it is resumed, then it continues as before', async (t) => {
    for (const _ of [1, 2]) {
      const { body } = await post('/api/subscription/resume');
      t.match(body.data, { cancel_at_period_end: false, access_ends_at: '2026-12-23T12:00:00.000Z' });
    }
    t.strictSame((await kinds()).slice(-2), ['cancellation_scheduled', 'resumed']);
  });

  await t.test('when its period ends, then the default plan applies before any job has run', async (t) => {
    await post('/api/subscription/cancel');
    runtime.clock.set('2026-12-20T11:59:59.999Z');
    t.equal((await holdBlogs(100n)).verdict, 'ok');
    runtime.clock.set('2026-12-20T12:00:00.000Z');
    t.match(await holdBlogs(6n), { verdict: 'limit_exceeded', limit: { amount: 5n } });
    t.match(await current(), { plan: 'free', status: 'active', cancel_at_period_end: false });
    t.match((await customer(service).events())[0], {
      kind: 'subscription_ended',
      occurred_at: '2026-12-20T12:00:00.000Z',
      data: { plan: 'pro', next_plan: 'free', reason: 'cancelled' },
    });
    t.match(await emitted(service, 'subscription.changed'), [{ payload: { from: 'free', to: 'pro' } }]);
    t.match(await emitted(service, 'subscription.ended'), [{ payload: { plan: 'pro', next_plan: 'free' } }]);
  });

  await t.test('then it can be bought again', async (t) => {
    const { status, body } = await upgrade('pro');
    t.strictSame([status, body.payment_request?.amount_minor], [402, 7900]);
  });
});

t.test('given a downgrade with usage above the new limits', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const { runtime, ledger, pool } = service;
  const { buy, post, get, current } = customer(service);
  await buy('pro');
  const use = async (meters: Record<string, bigint>) => {
    const id = runtime.newId();
    t.equal((await ledger.hold(testHold(ACCOUNT, id, meters))).verdict, 'ok');
    await ledger.settle(testSettle(ACCOUNT, id, meters));
  };
  await use({ 'social.connections': 10n, images: 40n });

  await t.test('then the preview lists usage above them, and what resets before', async (t) => {
    const { data } = (await get<Preview>(`${PREVIEW}?plan=starter`)).body;
    t.match(data, { direction: 'downgrade', effective: 'period_end', amount_due_now_minor: 0 });
    t.strictSame(
      data.over_limits.map(({ meter, used, amount, resets_before_change }) => [
        meter,
        used,
        amount.kind === 'limited' ? amount.value : amount.kind,
        resets_before_change,
      ]),
      [
        ['images', '40', '10', true],
        ['social.connections', '10', '5', false],
      ],
    );
    t.ok(data.changes.features_lost.includes('full_ai'));
  });

  await t.test('when it is requested, then it is scheduled for the end of the period, once', async (t) => {
    for (const _ of [1, 2]) {
      const { status, body } = await post('/api/subscription/downgrade', { plan: 'starter' });
      t.equal(status, 200);
      t.match(body.data, {
        plan: 'pro',
        scheduled_change: { plan: 'starter', cycle: 'month', effective_at: '2026-12-20T12:00:00.000Z' },
      });
    }
    await use({ images: 1n });
  });

  await t.test(
    'when the period ends, then usage is kept and new work is refused with a reason',
    async (t) => {
      runtime.clock.set('2026-12-20T12:00:00.000Z');
      await createJobs(service).renew();
      t.match(await current(), { plan: 'starter', status: 'past_due', scheduled_change: null });
      const { rows } = await pool.query(
        'SELECT count(*)::integer AS n FROM usage_events WHERE account_id = $1',
        [ACCOUNT],
      );
      t.strictSame(rows, [{ n: 2 }], 'what was used stays on record');
      t.match(await ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'social.connections': 1n })), {
        verdict: 'limit_exceeded',
        limit: { meter: 'social.connections', used: 10n, amount: 5n, source: 'plan:starter' },
      });
      t.equal((await ledger.hold(testHold(ACCOUNT, runtime.newId(), { images: 1n }))).verdict, 'ok');
      type Usage = {
        limits: { meter: string; used: string; limit: string; can_use: boolean }[];
      };
      const usage = (await get<Usage>('/api/plans/limits')).body;
      t.match(
        usage.limits.find(({ meter }) => meter === 'social.connections'),
        { used: '10', amount: { kind: 'limited', value: '5' }, can_use: false, state: 'exhausted' },
      );
    },
  );
});

t.test('given an unpaid period', async (t) => {
  const service = await createTestService(t);
  const { runtime } = service;
  const { buy, post, current, upgrade } = customer(service);
  await buy('pro');
  runtime.clock.set('2026-12-21T00:00:00.000Z');

  await t.test('then a downgrade, and the same plan again, require its payment first', async (t) => {
    const down = await post('/api/subscription/downgrade', { plan: 'basic' });
    t.match([down.status, down.body.payment_request?.kind], [402, 'renewal']);
    t.match(down.body.payment_request, {
      plan: 'pro',
      amount_minor: 7900,
      expires_at: '2026-12-23T12:00:00.000Z',
    });
    t.ok(down.body.payment_request?.instructions);
    t.strictSame((await upgrade('pro')).body.payment_request, down.body.payment_request);
  });

  await t.test('then an upgrade costs its full price', async (t) => {
    const { body } = await upgrade('enterprise');
    t.match(body.payment_request, { kind: 'new_period', amount_minor: 19_900 });
    t.match((await upgrade('pro')).body.payment_request, { kind: 'renewal', amount_minor: 7900 });
  });

  await t.test('when it is cancelled, then it ends at once and its request is void', async (t) => {
    const { body } = await post('/api/subscription/cancel');
    t.match(body.data, { plan: 'free', status: 'active', access_ends_at: null });
    t.ok((await requestsOf(service)).every(({ status }) => status !== 'open'));
    t.match((await post('/api/subscription/cancel')).body, { reason: 'nothing_to_cancel' });
    t.match(await current(), { plan: 'free' });
  });
});

t.test('given a paid year, then a change to months is scheduled for its end', async (t) => {
  const service = await createTestService(t);
  const { buy, post, current } = customer(service);
  await buy('pro', 'year');
  const { body } = await post('/api/subscription/downgrade', { plan: 'pro', cycle: 'month' });
  t.match(body.data.scheduled_change, {
    plan: 'pro',
    cycle: 'month',
    effective_at: '2027-11-20T12:00:00.000Z',
  });
  await post('/api/subscription/resume');
  t.equal((await current()).scheduled_change, null);
  await post('/api/subscription/downgrade', { plan: 'free' });
  t.match(await current(), { cancel_at_period_end: true, scheduled_change: null });
});
