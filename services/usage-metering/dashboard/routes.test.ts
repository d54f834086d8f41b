import t from 'tap';
import type { BreakdownRowWire, DashboardWire, UsageTrendsWire } from '#libs/contracts/dashboard.ts';
import { testFacts, testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import type { CallFacts } from '#libs/ledger/types.ts';
import { createFakeRandom } from '#libs/testing/runtime.ts';
import { ACCOUNT, addMembers, createTestService, KEY, MEMBER, OWNER, type TestService } from '../fixtures.ts';

const WORKSPACE = '0190a1b2-0000-7000-8000-00000000d001';
const DASHBOARD = `/api/subscription/dashboard/${OWNER}`;
const trendsUrl = (user: string, months = '') => `/api/subscription/usage/${user}/trends${months}`;

type Spend = {
  cost: bigint;
  calls?: bigint;
  userId?: string | null;
  keyId?: string | null;
  workspaceId?: string | null;
  facts?: Partial<CallFacts>;
};

async function createAccount(t: Parameters<typeof createTestService>[0], now: string) {
  const service = await createTestService(t);
  service.runtime.clock.set(now);
  await addMembers(service.pool, ACCOUNT, [OWNER, MEMBER]);
  await service.ledger.setLimits({
    accountId: ACCOUNT,
    anchor: new Date('2026-05-31T00:00:00Z'),
    periodMonths: 1,
    segments: [
      testSegment({ meter: 'cost', n: 150_000_000_000n, window: 'month' }),
      testSegment({ meter: 'calls.gemini', n: 5_000n, window: 'month' }),
    ],
  });
  return service;
}

async function spend(
  { ledger, runtime }: TestService,
  { cost, calls = 1n, userId = OWNER, keyId = null, workspaceId = null, facts = {} }: Spend,
) {
  const id = runtime.newId();
  const { provider = 'gemini' } = facts;
  const meters = { cost, [`calls.${provider}`]: calls };
  await ledger.hold(testHold(ACCOUNT, id, meters, { userId, keyId, workspaceId }));
  await ledger.settle(
    testSettle(ACCOUNT, id, meters, { facts: { provider, model: `${provider}-1`, ...facts } }),
  );
  return id;
}

t.test(
  'given 15.75 USD on day 10 of 30, then the dashboard is that of the first specification',
  async (t) => {
    const service = await createTestService(t);
    const { ledger, runtime, pool } = service;
    await addMembers(pool, ACCOUNT, [OWNER, MEMBER]);
    runtime.clock.set('2026-11-10T12:00:00Z');
    await ledger.setLimits({
      accountId: ACCOUNT,
      anchor: new Date('2026-11-01T00:00:00Z'),
      periodMonths: 1,
      segments: [
        testSegment({ meter: 'cost', n: 150_000_000_000n, window: 'period' }),
        testSegment({ meter: 'calls.gemini', n: 5_000n, window: 'period' }),
      ],
    });
    await spend(service, {
      cost: 10_500_000_000n,
      calls: 800n,
      facts: { inputTokens: 100_000, outputTokens: 25_000 },
    });
    const openai = { provider: 'openai', inputTokens: 60_000, outputTokens: 25_000 };
    await spend(service, { cost: 5_250_000_000n, calls: 450n, userId: null, keyId: KEY, facts: openai });
    const { status, body } = await service.call<{ data: DashboardWire }>('GET', DASHBOARD, { as: 'owner' });
    t.equal(status, 200);
    const { trends, ...data } = body.data;
    t.strictSame(data, {
      current_usage: {
        total_calls: 2,
        total_cost: 15.75,
        usage_status: 'active',
        provider_breakdown: {
          gemini: { calls: 1, cost: 10.5, tokens: 125_000 },
          openai: { calls: 1, cost: 5.25, tokens: 85_000 },
        },
      },
      limits: { plan_name: 'Basic', limits: { gemini_calls: 5_000, monthly_cost: 150 } },
      usage_percentages: { gemini_calls: 16, cost: 10.5 },
      projections: { projected_monthly_cost: 47.25, projected_usage_percentage: 31.5 },
      alerts: [],
      summary: {
        total_api_calls_this_month: 2,
        total_cost_this_month: 15.75,
        usage_status: 'active',
        unread_alerts: 0,
      },
    });
    t.equal(trends.periods.length, 6);
    t.strictSame(trends.total_cost, [0, 0, 0, 0, 0, 15.75]);

    await t.test('then the projection states its error', async (t) => {
      t.match(await service.call('GET', '/api/usage/projection', { as: 'owner' }), {
        body: {
          cost_usd: '47.250000000',
          percentage: 31.5,
          days_begun: 10,
          days_in_period: 30,
          error_from: 'daily_variance',
          weekday_pattern: false,
          // One day in ten costs all: 1.2816 x 4.725 USD x sqrt(20) below.
          low_usd: '20.168709750',
        },
      });
    });

    await t.test('then a member sees the own calls, and other callers none', async (t) => {
      const member = await service.call<{ data: DashboardWire }>(
        'GET',
        `/api/subscription/dashboard/${MEMBER}`,
        {
          as: 'owner',
        },
      );
      t.equal(member.body.data.current_usage.total_calls, 0);
      for (const url of [DASHBOARD, trendsUrl(OWNER)]) {
        t.equal((await service.call('GET', url)).status, 401);
        t.equal((await service.call('GET', url, { as: 'member' })).status, 404);
        t.equal((await service.call('GET', url, { as: 'otherOwner' })).status, 404);
        t.equal((await service.call('GET', `${url}?x=1`, { as: 'owner' })).status, 400);
      }
      for (const url of ['/api/usage/projection', '/api/usage/insights']) {
        t.equal((await service.call('GET', url)).status, 401);
        t.equal((await service.call('GET', `${url}?x=1`, { as: 'owner' })).status, 400);
      }
    });

    await t.test('then insights compare the providers', async (t) => {
      service.sell('alwrity', 'pro');
      const failed = {
        provider: 'gemini',
        status: 'error',
        errorCode: 'provider_error',
        latencyMs: 100,
      } as const;
      for (let call = 0; call < 19; call += 1)
        await spend(service, {
          cost: 0n,
          facts: call === 0 ? failed : { latencyMs: 10 + call, firstByteMs: 5 },
        });
      const { body } = await service.call('GET', '/api/usage/insights', { as: 'owner' });
      t.match(body.total, { provider: null, calls: 21, errors: 1, error_percentage: 4.76 });
      t.match(body.providers, [
        { provider: 'gemini', calls: 20, errors: 1, error_percentage: 5, latency_ms: { p50: 19, p99: 100 } },
        { provider: 'openai', calls: 1, first_byte_ms: null, cost_per_call_usd: '5.250000000' },
      ]);
      t.match(body.insights, [{ kind: 'errors', provider: 'gemini', model: 'gemini-1', percentage: 5 }]);
      t.equal(body.insights.length, 1);
    });

    await t.test('then output caps are compared with what the calls used', async (t) => {
      const { ledger, runtime } = service;
      const detail = JSON.stringify({ calls: [{ outputTokens: 1_000 }] });
      for (let call = 0; call < 20; call += 1) {
        const id = runtime.newId();
        await ledger.hold(testHold(ACCOUNT, id, { cost: 0n }, { userId: OWNER, detail }));
        const facts = { model: 'capped', outputTokens: 40, reasoningTokens: 10 };
        await ledger.settle(testSettle(ACCOUNT, id, { cost: 0n }, { facts }));
      }
      const { body } = await service.call('GET', '/api/usage/insights', { as: 'owner' });
      t.match(
        body.insights.filter(({ kind }: { kind: string }) => kind === 'output_cap'),
        [{ provider: 'openai', model: 'capped', percentage: 5, alternative: null, saving_usd: null }],
      );
    });
  },
);

t.test('given months that begin on the 31st, then every day is in one month', async (t) => {
  const service = await createAccount(t, '2026-06-29T12:00:00Z');
  for (const day of ['2026-06-29', '2026-06-30', '2026-07-30', '2026-07-31', '2026-08-30', '2026-08-31']) {
    service.runtime.clock.set(`${day}T12:00:00Z`);
    await spend(service, { cost: 1_000_000_000n });
  }
  const trends = async (months: string) =>
    (await service.call<{ data: UsageTrendsWire }>('GET', trendsUrl(OWNER, months), { as: 'owner' })).body
      .data;
  t.strictSame(await trends('?months=4'), {
    periods: ['2026-05-31', '2026-06-30', '2026-07-31', '2026-08-31'],
    total_calls: [1, 2, 2, 1],
    total_cost: [1, 2, 2, 1],
    total_tokens: [30, 60, 60, 30],
    provider_trends: { gemini: { calls: [1, 2, 2, 1], cost: [1, 2, 2, 1], tokens: [30, 60, 60, 30] } },
  });
  t.equal((await trends('')).periods.length, 6);
  for (const months of ['0', '25', 'x'])
    t.equal((await service.call('GET', trendsUrl(OWNER, `?months=${months}`), { as: 'owner' })).status, 400);
});

t.test('given random calls, then every breakdown equals a sum of the raw rows', async (t) => {
  const service = await createAccount(t, '2026-08-01T12:00:00Z');
  await service.pool.query(
    `INSERT INTO end_users (id, account_id, external_id, created_at, updated_at) VALUES ($1, $2, 'c-1', now(), now())`,
    [MEMBER, ACCOUNT],
  );
  const random = createFakeRandom(3);
  const pick = <Value>(values: readonly Value[]) => values[Math.floor(random() * values.length)] as Value;
  const units: Record<string, Partial<CallFacts>> = {
    image: { inputTokens: undefined, outputTokens: undefined, otherUnits: { image: 2 } },
    speech: { inputTokens: undefined, outputTokens: undefined, otherUnits: { character: 300 } },
    transcription: { inputTokens: undefined, outputTokens: 40, otherUnits: { second: 61 } },
  };
  const report = async (event: object) => {
    const body = { events: [event] };
    t.match(await service.call('POST', '/api/events', { as: 'key', body }), {
      body: { results: [{ status: 'recorded' }] },
    });
  };
  for (let call = 0; call < 120; call += 1) {
    if (random() < 0.2) service.runtime.clock.advance(86_400_000);
    const step = pick(['chat', 'write', 'edit', 'social', 'style', 'image', 'speech', 'transcription']);
    const facts = {
      ...{ step, provider: pick(['gemini', 'openai']), model: pick(['a', 'b']) },
      ...{ status: pick(['ok', 'ok', 'error'] as const), ...units[step] },
    };
    const who = {
      ...{ userId: pick([OWNER, MEMBER, null]), keyId: pick([KEY, null]) },
      workspaceId: pick([WORKSPACE, null]),
    };
    if (call % 6 === 0) {
      // Late, and partly taken back.
      const occurred = service.runtime.clock.now().getTime() - Math.floor(random() * 3 * 86_400_000);
      const event = { id: `e${call}`, meter: pick(['cost', 'images']), amount: '5000000' };
      await report({ ...event, occurred_at: new Date(occurred).toISOString() });
      if (random() < 0.5) await report({ ...event, id: `c${call}`, amount: '-2000000', corrects: event.id });
    }
    const cost = BigInt(Math.floor(random() * 1e9));
    const isBound = random() < 0.1;
    const source = isBound ? ({ usageSource: 'bound', status: 'error' } as const) : {};
    const holdId = await spend(service, { cost, ...who, facts: { ...facts, ...source } });
    const corrected = { accountId: ACCOUNT, holdId, callIndex: 0, meters: { cost: cost / 2n } };
    if (isBound) await service.ledger.correct({ ...corrected, facts: testFacts() });
    if (call === 60) await service.runTask('total-daily-usage');
  }
  const naive: Record<string, string> = {
    model: `provider || '/' || model`,
    provider: 'provider',
    key: 'key_id::text',
    user: 'user_id::text',
    end_user: '(SELECT external_id FROM end_users e WHERE e.id = user_id)',
    workspace: 'workspace_id::text',
    step: 'step',
    content_type: `CASE WHEN step IN ('write', 'edit') THEN 'blog' WHEN step = 'style' THEN 'image' ELSE step END`,
  };
  const starts = {
    hour: `to_char(date_trunc('hour', admitted_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
    day: `to_char(admitted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')`,
    month: `to_char(greatest(date_trunc('month', admitted_at AT TIME ZONE 'UTC'), '2026-08-03'), 'YYYY-MM-DD')`,
    total: `'2026-08-03'`,
  };
  const range = 'from=2026-08-03&to=2026-08-20';
  const week = 'from=2026-08-03&to=2026-08-09';
  for (const [groupBy, group] of Object.entries(naive)) {
    for (const [granularity, start] of Object.entries(starts)) {
      const filter = granularity === 'day' ? '&provider=gemini' : '';
      const isHourly = granularity === 'hour';
      const url = `/api/usage/breakdown?${isHourly ? week : range}&group_by=${groupBy}&granularity=${granularity}${filter}`;
      const { body } = await service.call<{ rows: BreakdownRowWire[] }>('GET', url, {
        as: 'owner',
      });
      const { rows } = await service.pool.query(
        `WITH corrected AS (SELECT hold_id, status AS new_status FROM usage_events WHERE call_index < 0)
         SELECT ${start} AS start, ${group} AS "group", count(*) FILTER (WHERE call_index >= 0)::integer AS calls,
                count(*) FILTER (WHERE call_index >= 0 AND coalesce(new_status, status) <> 'ok')::integer AS errors,
                sum(coalesce(input_tokens, 0))::integer AS input, sum(coalesce(output_tokens, 0))::integer AS output,
                sum(cost_nano_usd)::text AS cost
           FROM usage_events LEFT JOIN corrected USING (hold_id)
          WHERE admitted_at >= '2026-08-03Z' AND admitted_at < $2 AND ($1 = '' OR provider = $1)
          GROUP BY 1, 2`,
        [filter === '' ? '' : 'gemini', isHourly ? '2026-08-10Z' : '2026-08-21Z'],
      );
      const sorted = (list: { start: string; group: string | null }[]) =>
        list.sort((a, b) => `${a.start} ${a.group ?? ''}`.localeCompare(`${b.start} ${b.group ?? ''}`));
      t.ok(rows.length > 0);
      t.strictSame(
        sorted(
          body.rows.map(
            ({ start, group, calls, errors, tokens: { input, output }, cost_nano_usd: cost }) => ({
              ...{ start, group, calls, errors, input, output, cost },
            }),
          ),
        ),
        sorted(rows),
        url,
      );
    }
  }

  await t.test('then a member sees the own rows only, and bad input is refused', async (t) => {
    const call = (query: string, as: 'owner' | 'member' = 'owner') =>
      service.call('GET', `/api/usage/breakdown?${query}`, { as });
    const own = await call(`${range}&group_by=user&granularity=total`, 'member');
    t.match(own.body.rows, [{ group: MEMBER }]);
    t.equal(own.body.rows.length, 1);
    t.equal((await call(`${range}&user_id=${OWNER}`, 'member')).status, 404);
    for (const query of [
      '',
      'from=2026-08-03',
      'from=2026-08-03&to=2026-08-02',
      'from=2024-01-01&to=2026-01-01',
    ])
      t.equal((await call(query)).status, 400, query);
    for (const query of ['group_by=planet', 'granularity=hour', 'granularity=minute', 'key_id=1'])
      t.equal((await call(`${range}&${query}`)).status, 400, query);
    t.equal((await service.call('GET', `/api/usage/breakdown?${range}`)).status, 401);
    t.match(await service.call('GET', `/api/usage/breakdown?${range}`, { as: 'otherOwner' }), {
      body: { rows: [] },
    });
  });
});
