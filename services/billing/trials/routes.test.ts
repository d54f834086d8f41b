import t from 'tap';
import { entitlementsFromWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import type { MyPlan } from '#libs/contracts/plans.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  addAccount,
  addOwner,
  createJobs,
  customer,
  emitted,
  type Refusal,
  readPreset,
} from '../customers.fixture.ts';
import { ACCOUNT, accountCaller, createTestService, OTHER_ACCOUNT, type TestService } from '../fixtures.ts';

const TRIAL = '/api/plans/start-trial';
const DAY_MS = 86_400_000;

const trialsOf = async ({ pool }: TestService) =>
  (await pool.query('SELECT account_id, plan_key, started_at, ends_at, ended_at, converted_at FROM trials'))
    .rows;

t.test('given an account without a trial', async (t) => {
  const service = await createTestService(t, readPreset('lily'));
  const { runtime, ledger } = service;
  await addOwner(service, ACCOUNT, 'grace@example.com');
  const { post, get, current, kinds } = customer(service);
  const generate = async (images: bigint) => {
    const id = runtime.newId();
    const answer = await ledger.hold(testHold(ACCOUNT, id, { images }));
    if (answer.verdict === 'ok') await ledger.settle(testSettle(ACCOUNT, id, { images }));
    return answer;
  };

  await t.test('then its plan lists the possible trials', async (t) => {
    const data = (await get<MyPlan>('/api/plans/my-plan')).body;
    t.match(data.trial, { eligible: true, reason: null });
    t.strictSame(
      data.trial.plans.map(({ key, name, days }) => [key, name, days]),
      [
        ['starter', 'Starter', 14],
        ['pro', 'Pro', 14],
        ['enterprise', 'Enterprise', 14],
      ],
    );
  });

  await t.test('then invalid requests are refused', async (t) => {
    const cases: [unknown, number, string][] = [
      [{}, 400, 'invalid_request'],
      [{ plan: 'pro', days: 365 }, 400, 'invalid_request'],
      [{ plan: 'platinum' }, 404, 'unknown_plan'],
      [{ plan: 'free' }, 409, 'trial_not_available'],
    ];
    for (const [body, status, code] of cases) {
      const answer = await post<Refusal>(TRIAL, body);
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(body));
    }
    t.strictSame(await trialsOf(service), []);
  });

  await t.test('when it starts one twice at once, then it has one trial', async (t) => {
    const answers = await Promise.all([post(TRIAL, { plan: 'pro' }), post(TRIAL, { plan: 'pro' })]);
    for (const { status, body } of answers) {
      t.equal(status, 200);
      t.match(body, {
        plan: 'pro',
        status: 'trialing',
        trial_ends_at: '2026-12-04T12:00:00.000Z',
        valid_until: '2026-12-04T12:00:00.000Z',
      });
    }
    t.match(await trialsOf(service), [{ account_id: ACCOUNT, plan_key: 'pro', ended_at: null }]);
    t.strictSame(await kinds(), ['trial_started']);
    t.equal((await generate(40n)).verdict, 'ok');
  });

  await t.test('when it starts another one during the trial, then it is refused', async (t) => {
    const { status, body } = await post(TRIAL, { plan: 'enterprise' });
    t.match([status, body.reason], [409, 'not_on_default_plan']);
    const cancel = await post('/api/subscription/cancel');
    t.match([cancel.status, cancel.body.reason], [409, 'trial_ends_by_itself']);
  });

  await t.test('when it ends, then it is over everywhere without a job', async (t) => {
    runtime.clock.set('2026-12-04T11:59:59.999Z');
    t.equal((await generate(1n)).verdict, 'ok');
    runtime.clock.set('2026-12-04T12:00:00.000Z');
    t.match(await generate(1n), {
      verdict: 'limit_exceeded',
      limit: { meter: 'images', used: 41n, amount: 5n, source: 'plan:free' },
    });
    const may = entitlementsFromWire(
      (await service.call('GET', entitlementsPath(ACCOUNT), { as: accountCaller(OTHER_ACCOUNT) })).body,
    );
    t.match(may, { plan: { key: 'free' }, features: { full_ai: { granted: false } } });
    t.match(await current(), { plan: 'free', status: 'active', trial_ends_at: null });
    t.match(await trialsOf(service), [
      { plan_key: 'pro', ended_at: new Date('2026-12-04T12:00:00.000Z'), converted_at: null },
    ]);
    t.strictSame(await kinds(), ['trial_started', 'trial_ended']);
  });

  await t.test('when it starts a second one, then it is refused for any plan', async (t) => {
    for (const plan of ['pro', 'starter']) {
      const { status, body } = await post(TRIAL, { plan });
      t.match([status, body.code, body.reason], [409, 'trial_not_available', 'trial_used']);
    }
    const data = (await get<MyPlan>('/api/plans/my-plan')).body;
    t.match(data.trial, { eligible: false, reason: 'trial_used' });
  });

  await t.test('when its owner has another account, then that one cannot start a trial either', async (t) => {
    const second = await addAccount(service);
    // What `Grace+again@Example.com` is normalised to.
    await addOwner(service, second, 'grace@example.com');
    const again = customer(service, second);
    const { status, body } = await again.post(TRIAL, { plan: 'pro' });
    t.match([status, body.reason], [409, 'trial_used']);
    t.match(await again.current(), { plan: 'free', status: 'active' });
    t.equal((await trialsOf(service)).length, 1);
    t.match((await again.get<MyPlan>('/api/plans/my-plan')).body.trial, { eligible: false });
  });

  await t.test('then the account of another owner can', async (t) => {
    await addOwner(service, OTHER_ACCOUNT, 'ada@example.com');
    t.equal((await customer(service, OTHER_ACCOUNT).post(TRIAL, { plan: 'starter' })).status, 200);
  });

  await t.test('when it buys a plan later, then the trial is converted', async (t) => {
    await customer(service).buy('starter');
    const tried = (await trialsOf(service)).find(({ account_id }) => account_id === ACCOUNT);
    t.strictSame(tried.converted_at, runtime.clock.now());
  });
});

t.test('given one owner with many accounts that start trials at once, then one succeeds', async (t) => {
  const service = await createTestService(t);
  const accounts: string[] = [];
  for (let n = 0; n < 8; n += 1) {
    const account = await addAccount(service);
    await addOwner(service, account, 'grace@example.com');
    await addOwner(service, account, 'ada@example.com');
    accounts.push(account);
  }
  const answers = await Promise.all(
    accounts.map((account) => customer(service, account).post(TRIAL, { plan: 'pro' })),
  );
  t.strictSame(answers.map(({ status }) => status).sort(), [200, ...Array.from({ length: 7 }, () => 409)]);
  t.equal((await trialsOf(service)).length, 1);
});

t.test('given a plan that is bought during its trial', async (t) => {
  const service = await createTestService(t);
  const { post, upgrade, buy, current, events } = customer(service);
  await post(TRIAL, { plan: 'pro' });
  service.runtime.clock.advance(2 * DAY_MS);
  t.match((await upgrade('pro')).body.payment_request, { kind: 'new_period', amount_minor: 7900 });
  t.match(await current(), { status: 'trialing' }, 'the trial continues until the payment arrives');
  await buy('pro');
  t.match(await current(), {
    plan: 'pro',
    status: 'active',
    trial_ends_at: null,
    current_period: { start: '2026-11-22T12:00:00.000Z' },
  });
  const now = service.runtime.clock.now();
  t.match(await trialsOf(service), [{ ended_at: now, converted_at: now }]);
  t.match(
    (await events()).find(({ kind }) => kind === 'trial_ended'),
    { data: { plan: 'pro', converted: true } },
  );
});

t.test('given a paid plan, then no trial can start', async (t) => {
  const service = await createTestService(t);
  const { buy, post } = customer(service);
  await buy('basic');
  const { status, body } = await post(TRIAL, { plan: 'pro' });
  t.match([status, body.reason], [409, 'not_on_default_plan']);
});

t.test('given trials that end soon', async (t) => {
  const service = await createTestService(t);
  const { runtime } = service;
  const { post, events } = customer(service);
  await post(TRIAL, { plan: 'pro' });
  const remind = () => Promise.all([createJobs(service).remind(), createJobs(service).remind()]);
  const reminders = async () =>
    (await events()).map(({ kind }) => kind).filter((kind) => kind.startsWith('trial_ends_in'));

  const cases: [string, string[]][] = [
    ['2026-11-20T12:00:00.000Z', []],
    ['2026-12-01T11:59:59.999Z', []],
    ['2026-12-01T12:00:00.000Z', ['trial_ends_in_3_days']],
    ['2026-12-02T12:00:00.000Z', ['trial_ends_in_3_days']],
    ['2026-12-03T12:00:00.000Z', ['trial_ends_in_1_day', 'trial_ends_in_3_days']],
    ['2026-12-05T12:00:00.000Z', ['trial_ends_in_1_day', 'trial_ends_in_3_days']],
  ];
  for (const [at, expected] of cases) {
    runtime.clock.set(at);
    await remind();
    t.strictSame(await reminders(), expected, at);
  }
  t.match((await events()).at(-2), {
    kind: 'trial_ends_in_3_days',
    data: { plan: 'pro', ends_at: '2026-12-04T12:00:00.000Z' },
  });
  t.match(await emitted(service, 'trial.ending'), [
    { account_id: ACCOUNT, payload: { plan: 'pro', days_before: 3, ends_at: '2026-12-04T12:00:00.000Z' } },
    { account_id: ACCOUNT, payload: { plan: 'pro', days_before: 1 } },
  ]);
  t.equal((await emitted(service, 'trial.ending')).length, 2, 'each is emitted once');
});

t.test('given jobs that did not run for days, then only the latest reminder is sent', async (t) => {
  const service = await createTestService(t);
  await customer(service).post(TRIAL, { plan: 'pro' });
  service.runtime.clock.set('2026-12-04T00:00:00.000Z');
  await createJobs(service).remind();
  t.strictSame(await customer(service).kinds(), ['trial_started', 'trial_ends_in_1_day']);
});
