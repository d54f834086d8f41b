import t from 'tap';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { testHold } from '#libs/ledger/fixtures.ts';
import { createJobs, customer, markPaid } from '../customers.fixture.ts';
import { ACCOUNT, createTestService, notificationsDuring, OTHER_ACCOUNT } from '../fixtures.ts';

t.test('given a free plan whose period ends, then it renews without events', async (t) => {
  const service = await createTestService(t);
  const { current, events } = customer(service);
  await current();
  service.runtime.clock.set('2027-06-25T00:00:00.000Z');
  await createJobs(service).renew();
  const { rows } = await service.pool.query(
    'SELECT current_period_start, current_period_end, due_at FROM subscriptions',
  );
  t.strictSame(rows, [
    {
      current_period_start: new Date('2027-06-20T12:00:00.000Z'),
      current_period_end: new Date('2027-07-20T12:00:00.000Z'),
      due_at: new Date('2027-07-20T12:00:00.000Z'),
    },
  ]);
  t.strictSame(await events(), []);
});

t.test('given a paid plan whose period ends', async (t) => {
  const service = await createTestService(t);
  const { runtime, ledger, pool } = service;
  const { buy, current, kinds, get } = customer(service);
  await buy('pro');
  const hold = (n: bigint) => ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': n }));
  const openRequest = async () =>
    (
      await pool.query(
        `SELECT id, kind, amount_minor, instructions FROM payment_requests WHERE status = 'open'`,
      )
    ).rows;

  await t.test('when nothing is due, then nothing happens', async (t) => {
    const heard = await notificationsDuring(pool, () => createJobs(service).renew());
    t.strictSame(heard, []);
  });

  await t.test('when it is due, then the payment of the next period is requested', async (t) => {
    runtime.clock.set('2026-12-20T12:00:00.000Z');
    const jobs = [createJobs(service), createJobs(service), createJobs(service)];
    await Promise.all(jobs.map(({ renew }) => renew()));
    t.match(await current(), {
      plan: 'pro',
      status: 'past_due',
      current_period: { start: '2026-12-20T12:00:00.000Z', end: '2027-01-20T12:00:00.000Z' },
      access_ends_at: '2026-12-23T12:00:00.000Z',
    });
    t.match(await openRequest(), [{ kind: 'renewal', amount_minor: 7900, instructions: /^Pay 79\.00 USD/ }]);
    t.equal((await openRequest()).length, 1, 'once, by any number of replicas');
    t.match((await get('/api/plans/my-plan')).body, { open_payment_request: { kind: 'renewal' } });
    t.equal((await hold(100n)).verdict, 'ok', 'it is served during the grace period');
  });

  await t.test('when it is paid, then the plan is active until the next renewal', async (t) => {
    runtime.clock.advance(86_400_000);
    const [request] = await openRequest();
    await Promise.all([markPaid(service, request.id), markPaid(service, request.id)]);
    t.match(await current(), {
      status: 'active',
      current_period: { start: '2026-12-20T12:00:00.000Z', end: '2027-01-20T12:00:00.000Z' },
      access_ends_at: '2027-01-23T12:00:00.000Z',
    });
    t.strictSame((await kinds()).slice(-3), ['payment_requested', 'payment_received', 'renewed']);
  });

  await t.test('when the next is never paid, then the plan ends on time without a job', async (t) => {
    runtime.clock.set('2027-01-20T12:00:00.000Z');
    await createJobs(service).renew();
    runtime.clock.set('2027-01-23T11:59:59.999Z');
    t.equal((await hold(6n)).verdict, 'ok');
    runtime.clock.set('2027-01-23T12:00:00.000Z');
    t.match(await hold(6n), { verdict: 'limit_exceeded', limit: { amount: 5n, source: 'plan:free' } });
    await createJobs(service).renew();
    t.match(await current(), { plan: 'free', status: 'active', access_ends_at: null });
    t.strictSame(await openRequest(), []);
    t.strictSame((await kinds()).slice(-2), ['payment_voided', 'subscription_ended']);
  });
});

t.test('given jobs that never run, then a paid plan ends with its grace period', async (t) => {
  const service = await createTestService(t);
  const { runtime, ledger } = service;
  await customer(service).buy('pro', 'year');
  const hold = () => ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': 6n }));
  runtime.clock.set('2027-11-23T11:59:59.999Z');
  t.equal((await hold()).verdict, 'ok');
  runtime.clock.set('2027-11-23T12:00:00.000Z');
  t.equal((await hold()).verdict, 'limit_exceeded');
});

t.test('given a paid year, then usage resets every month', async (t) => {
  const service = await createTestService(t);
  const { runtime, ledger } = service;
  const { buy, current } = customer(service);
  await buy('basic', 'year');
  t.match(await current(), { current_period: { end: '2027-11-20T12:00:00.000Z' } });
  const hold = () => ledger.hold(testHold(ACCOUNT, runtime.newId(), { 'gen.blog': 50n }, { ttlMs: 1 }));
  t.equal((await hold()).verdict, 'ok');
  t.not((await hold()).verdict, 'ok');
  runtime.clock.set('2026-12-20T12:00:00.000Z');
  t.equal((await hold()).verdict, 'ok');
});

t.test('given a scheduled downgrade, then it renews at the lower price', async (t) => {
  const service = await createTestService(t);
  const { buy, post, current, events } = customer(service);
  await buy('enterprise');
  await post('/api/subscription/downgrade', { plan: 'basic' });
  service.runtime.clock.set('2026-12-20T12:00:00.000Z');
  await createJobs(service).renew();
  t.match(await current(), { plan: 'basic', status: 'past_due', price: { monthly_minor: 2900 } });
  const [changed, requested] = await events();
  t.match(changed, { kind: 'plan_changed', data: { from: 'enterprise', to: 'basic', reason: 'scheduled' } });
  t.match(requested, { kind: 'payment_requested', data: { payment: 'renewal', amount_minor: 2900 } });
});

t.test('given one account that cannot be reconciled, then the others are', async (t) => {
  const service = await createTestService(t);
  const [broken, sound] = [customer(service), customer(service, OTHER_ACCOUNT)];
  await broken.buy('pro');
  await sound.buy('pro');
  await service.pool.query(
    `UPDATE subscriptions SET scheduled_change = jsonb_build_object('plan_key', 'pro', 'cycle', 'month',
       'catalogue_version_id', gen_random_uuid()) WHERE account_id = $1`,
    [ACCOUNT],
  );
  service.runtime.clock.set('2026-12-20T12:00:00.000Z');
  const { renew, lines } = createJobs(service);
  await renew();
  t.match(await sound.current(), { status: 'past_due' });
  t.match(
    lines.filter(({ level }) => level === 'error'),
    [{ account: ACCOUNT, msg: 'subscription reconciliation failed' }],
  );
});

t.test('given a worker of the queue, then it renews due subscriptions', async (t) => {
  const service = await createTestService(t);
  await customer(service).buy('pro');
  service.runtime.clock.set('2026-12-20T12:00:00.000Z');
  const { jobs } = createTestJobs(t, service.databaseUrl, service.tasks);
  await jobs.start();
  const pastDue = () => service.pool.query("SELECT account_id FROM subscriptions WHERE status = 'past_due'");
  await until(async () => (await pastDue()).rowCount === 1);
  await jobs.stop();
  t.strictSame((await customer(service).kinds()).slice(-1), ['payment_requested']);
});
