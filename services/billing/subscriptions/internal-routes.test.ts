import t from 'tap';
import { endUserLimitsPath } from '#libs/contracts/end-user-limits.ts';
import { entitlementsFromWire, entitlementsPath, entitlementsToWire } from '#libs/contracts/entitlements.ts';
import { keyLimitsPath } from '#libs/contracts/key-limits.ts';
import type { CurrentSubscription, PlanList } from '#libs/contracts/plans.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import {
  ACCOUNT,
  accountCaller,
  createTestService,
  DEFAULT_CATALOGUE,
  KEY,
  notificationsDuring,
  OTHER_ACCOUNT,
  type TestService,
} from '../fixtures.ts';

type Plans = { data: PlanList };
type Current = { data: CurrentSubscription };
type Refusal = { code: string };

const CURRENT = '/api/subscription/current';

const limitsOf = async ({ pool }: TestService, accountId: string) =>
  (
    await pool.query(
      `SELECT scope, scope_id, meter, win, kind, amount FROM ledger_limits WHERE account_id = $1
        ORDER BY scope, meter, win`,
      [accountId],
    )
  ).rows;

t.test('given the default catalogue', async (t) => {
  const service = await createTestService(t);
  const { call, pool, runtime, ledger } = service;

  await t.test('then its plans are on offer under both paths', async (t) => {
    const { status, body } = await call<Plans>('GET', '/api/subscription/plans', {
      as: accountCaller(OTHER_ACCOUNT),
    });
    t.equal(status, 200);
    const { plans, default_plan } = body.data;
    t.equal(default_plan, 'free');
    t.strictSame(
      plans.map(({ key, rank, price }) => [key, rank, price.monthly_minor, price.yearly_minor]),
      [
        ['free', 0, 0, 0],
        ['basic', 10, 2900, 29_000],
        ['pro', 20, 7900, 79_000],
        ['enterprise', 30, 19_900, 199_000],
      ],
    );
    const [free, , , enterprise] = plans;
    t.match(free?.limits[0], {
      meter: 'cost',
      unit: 'nano_usd',
      window: 'period',
      amount: { kind: 'limited', value: '2000000000', value_usd: '2.000000000' },
    });
    t.match(free?.text_models, { all: false, default: 'gpt-4o-mini' });
    t.match(enterprise?.text_models, { all: true, default: 'gpt-4.1' });
    t.match(
      enterprise?.limits.find(({ meter }) => meter === 'gen.blog'),
      { amount: { kind: 'unlimited' } },
    );
    t.same(
      (await call<PlanList>('GET', '/api/plans/available', { as: accountCaller(OTHER_ACCOUNT) })).body,
      body.data,
    );
  });

  await t.test(
    'when a new account sends its first request, then it gets the default plan and balances',
    async (t) => {
      t.strictSame(await limitsOf(service, ACCOUNT), []);
      const heard = await notificationsDuring(pool, async () => {
        const { status, body } = await call<Current>('GET', CURRENT, { as: accountCaller(ACCOUNT) });
        t.equal(status, 200);
        t.match(body.data, {
          account_id: ACCOUNT,
          plan: 'free',
          plan_source: 'subscription',
          plan_details: { key: 'free', name: 'Free', rank: 0 },
          status: 'active',
          cycle: 'month',
          price: { monthly_minor: 0 },
          started_at: '2026-11-20T12:00:00.000Z',
          current_period: { start: '2026-11-20T12:00:00.000Z', end: '2026-12-20T12:00:00.000Z' },
          catalogue: { id: 'default', version: 1 },
          qualities: ['draft'],
          platforms: ['twitter', 'instagram'],
          features: ['api_access', 'alt_text'],
          valid_until: null,
        });
        t.match(body.data.limits[0], {
          meter: 'cost',
          amount: { value_usd: '2.000000000' },
          source: 'plan:free',
        });
      });
      t.strictSame(heard, [{ kind: 'account', id: ACCOUNT }]);
      const written = (await limitsOf(service, ACCOUNT)).filter(({ meter }) =>
        ['api.requests', 'cost'].includes(meter),
      );
      t.match(written, [
        { meter: 'api.requests', win: 'day', amount: 500n },
        { meter: 'cost', win: 'period', amount: 2_000_000_000n },
      ]);
      t.strictSame(await limitsOf(service, OTHER_ACCOUNT), []);
      const hold = (cost: bigint) => ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost }));
      t.equal((await hold(2_000_000_001n)).verdict, 'limit_exceeded');
      t.equal((await hold(2_000_000_000n)).verdict, 'ok');
      t.strictSame(
        await notificationsDuring(pool, () => call('GET', CURRENT, { as: accountCaller(ACCOUNT) })),
        [],
        'a second request changes nothing',
      );
    },
  );

  await t.test('then its next period starts without a job', async (t) => {
    const before = runtime.clock.now();
    runtime.clock.set('2027-01-20T11:59:59.999Z');
    t.match((await call<Current>('GET', CURRENT, { as: accountCaller(ACCOUNT) })).body.data.current_period, {
      start: '2026-12-20T12:00:00.000Z',
    });
    runtime.clock.set(before);
  });

  await t.test('then other services decode its entitlements', async (t) => {
    const { status, body } = await call('GET', entitlementsPath(ACCOUNT), {
      as: accountCaller(OTHER_ACCOUNT),
    });
    t.equal(status, 200);
    const may = entitlementsFromWire(body);
    t.same(entitlementsToWire(may), body);
    t.match(may, {
      plan: { key: 'free', name: 'Free', rank: 0 },
      catalogue: { id: 'default', version: /^[0-9a-f-]{36}$/ },
      outputTokensCap: { value: 2048, source: 'plan:free' },
      features: { api_access: { granted: true }, white_label: { granted: false } },
      validUntil: null,
    });
    t.match(may.limits[0], { meter: 'cost', amount: { kind: 'n', n: 2_000_000_000n }, blocks: true });
  });

  await t.test('then an unknown account is not found', async (t) => {
    const unknown = runtime.newId();
    const answer = await call<Refusal>('GET', entitlementsPath(unknown), {
      as: accountCaller(OTHER_ACCOUNT),
    });
    t.strictSame([answer.status, answer.body.code], [404, 'not_found']);
    t.strictSame(await limitsOf(service, unknown), []);
    t.equal((await call('GET', entitlementsPath('me'), { as: accountCaller(OTHER_ACCOUNT) })).status, 400);
  });

  await t.test('then requests without a signed context are refused', async (t) => {
    for (const url of ['/api/plans/available', CURRENT, entitlementsPath(ACCOUNT)]) {
      t.equal((await call('GET', url)).status, 401, url);
    }
    t.equal((await call('PUT', keyLimitsPath(ACCOUNT, KEY), { body: { limits: [] } })).status, 401);
  });
});

t.test('given twenty first requests at once, then one subscription is opened', async (t) => {
  const service = await createTestService(t);
  const heard = await notificationsDuring(service.pool, async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        service.call('GET', entitlementsPath(ACCOUNT), { as: accountCaller(ACCOUNT) }),
      ),
    );
    t.ok(answers.every(({ status }) => status === 200));
    t.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  });
  t.strictSame(heard, [{ kind: 'account', id: ACCOUNT }]);
  const { rows } = await service.pool.query('SELECT count(*)::integer AS n FROM subscriptions');
  t.strictSame(rows, [{ n: 1 }]);
});

t.test('given an account on one version, then a new version applies to new accounts only', async (t) => {
  const service = await createTestService(t);
  const { call, importText } = service;
  await call('GET', CURRENT, { as: accountCaller(ACCOUNT) });
  await importText(DEFAULT_CATALOGUE.replace('amount: 2.00 USD', 'amount: 3.00 USD'));
  const costOf = async (account: string) => {
    const { data } = (await call<Current>('GET', CURRENT, { as: accountCaller(account) })).body;
    return [data.catalogue.version, data.limits[0]?.text];
  };
  t.strictSame(await costOf(ACCOUNT), [1, '$2.00 of AI usage per billing period']);
  t.strictSame(await costOf(OTHER_ACCOUNT), [2, '$3.00 of AI usage per billing period']);
});

t.test('given an API key', async (t) => {
  const service = await createTestService(t);
  const { call, ledger, runtime, pool } = service;
  const path = keyLimitsPath(ACCOUNT, KEY);
  const hold = (cost: bigint, keyId: string | null) => {
    const id = runtime.newId();
    return ledger.hold(testHold(ACCOUNT, id, { cost }, { keyId })).then((answer) => ({ id, ...answer }));
  };

  await t.test('when it gets its own limits, then they bind this key only', async (t) => {
    const heard = await notificationsDuring(pool, async () => {
      const { status } = await call('PUT', path, {
        as: accountCaller(ACCOUNT),
        body: {
          limits: [
            { meter: 'cost', window: 'day', amount: '1000' },
            { meter: 'tokens.total', window: 'month', amount: '500' },
          ],
        },
      });
      t.equal(status, 204);
    });
    t.match(heard.at(-1), { kind: 'account', id: ACCOUNT });
    const own = (await limitsOf(service, ACCOUNT)).filter(({ scope }) => scope === 'key');
    t.match(own, [
      { scope_id: KEY, meter: 'cost', win: 'day', kind: 'n', amount: 1000n },
      { scope_id: KEY, meter: 'tokens.total', win: 'month', amount: 500n },
    ]);
    t.match(await hold(1001n, KEY), {
      verdict: 'limit_exceeded',
      limit: { scope: 'key', source: `key:${KEY}` },
    });
    t.equal((await hold(1001n, null)).verdict, 'ok');
    const within = await hold(600n, KEY);
    t.equal(within.verdict, 'ok');
    await ledger.settle(testSettle(ACCOUNT, within.id, { cost: 600n }));
  });

  await t.test('when they are replaced, then earlier usage still counts', async (t) => {
    t.equal(
      (
        await call('PUT', path, {
          as: accountCaller(ACCOUNT),
          body: { limits: [{ meter: 'cost', window: 'day', amount: '700' }] },
        })
      ).status,
      204,
    );
    t.match(await hold(101n, KEY), { verdict: 'limit_exceeded', limit: { used: 600n, amount: 700n } });
    t.equal((await limitsOf(service, ACCOUNT)).filter(({ scope }) => scope === 'key').length, 1);
  });

  await t.test('when they are removed, then only the plan binds it', async (t) => {
    t.equal((await call('PUT', path, { as: accountCaller(ACCOUNT), body: { limits: [] } })).status, 204);
    t.equal((await hold(5000n, KEY)).verdict, 'ok');
  });

  await t.test('then invalid limits are refused', async (t) => {
    const cost = { meter: 'cost', window: 'day', amount: '1' };
    const cases: [unknown[], number, string][] = [
      [[{ ...cost, meter: 'tokenz' }], 422, 'semantic_error'],
      [[cost, cost], 422, 'semantic_error'],
      [[{ ...cost, amount: '-1' }], 400, 'invalid_request'],
      [[{ ...cost, amount: 1 }], 400, 'invalid_request'],
      [[{ ...cost, window: 'year' }], 400, 'invalid_request'],
    ];
    for (const [limits, status, code] of cases) {
      const answer = await call<Refusal>('PUT', path, { as: accountCaller(ACCOUNT), body: { limits } });
      t.strictSame([answer.status, answer.body.code], [status, code], JSON.stringify(limits));
    }
    t.equal(
      (
        await call('PUT', keyLimitsPath(runtime.newId(), KEY), {
          as: accountCaller(ACCOUNT),
          body: { limits: [] },
        })
      ).status,
      404,
    );
  });
});

t.test(
  'given an end user of a new account, when limits are set, then they bind this end user only',
  async (t) => {
    const service = await createTestService(t);
    const { call, ledger, runtime } = service;
    const user = runtime.newId();
    const path = endUserLimitsPath(ACCOUNT, user);
    const put = (limits: object[]) =>
      call('PUT', path, { as: accountCaller(ACCOUNT), body: { is_new: true, limits } });
    const daily = { meter: 'cost', window: 'day', amount: '1000' };
    t.equal((await put([daily])).status, 204);
    t.match(
      (await limitsOf(service, ACCOUNT)).filter(({ scope }) => scope === 'user'),
      [{ scope_id: user, meter: 'cost', win: 'day', kind: 'n', amount: 1_000n }],
    );
    const ask = async (userId: string | null) =>
      (await ledger.hold(testHold(ACCOUNT, runtime.newId(), { cost: 1_001n }, { userId }))).verdict;
    t.equal(await ask(user), 'limit_exceeded');
    t.equal(await ask(runtime.newId()), 'ok');

    const refused = [
      [{ ...daily, meter: 'unicorns' }, 422],
      [{ ...daily, amount: '-1' }, 400],
    ] as const;
    for (const [limit, status] of refused) t.equal((await put([limit])).status, status);
    t.equal((await put([daily, daily])).status, 422);
    t.equal((await call('PUT', path, { body: { is_new: true, limits: [] } })).status, 401);
  },
);
