import t from 'tap';
import type { UnresolvedCall } from '#libs/contracts/unresolved-usage.ts';
import type { RequestReport, UsageCall } from '#libs/contracts/usage.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { checkEventDocumented } from '#libs/testing/webhook-events.ts';
import {
  ACCOUNT,
  type CallerName,
  createBalances,
  createTestService,
  OTHER_ACCOUNT,
  OWNER,
  STAFF,
  type TestService,
} from '../fixtures.ts';

type Page = { data: UnresolvedCall[]; next_cursor: string | null };

const LIST = '/api/admin/usage/unresolved';
const PRICE = {
  provider: 'openai',
  model: 'gpt-4o',
  version: 'openai/gpt-4o@test',
  tiers: [{ from_input_tokens: 0, pico_usd_per_unit: { input: '1000000', output: '2000000' } }],
};
/** 100 tokens of input and 50 of output: 200,000 nano-USD. */
const detail = JSON.stringify({
  kind: 'chat',
  calls: [
    {
      index: 0,
      step: 'chat',
      provider: 'openai',
      model: 'gpt-4o',
      inputTokens: 100,
      outputTokens: 50,
      choices: 1,
      otherUnits: {},
      counts: {},
      price: PRICE,
    },
  ],
});
const resolution = { usage: { input: 80, output: 10 }, reason: "The provider's invoice." };

/** A call whose process is gone: its hold has expired, so that it counts at its bound. */
async function lose(service: TestService, accountId = ACCOUNT, plan = detail): Promise<string> {
  const id = service.runtime.newId();
  const meters = { cost: 200_000n, 'tokens.total': 150n };
  await service.ledger.hold(testHold(accountId, id, meters, { userId: OWNER, detail: plan }));
  service.runtime.clock.advance(60_000);
  await service.runTask('expire-holds');
  return id;
}

async function createFixture(t: Parameters<typeof createTestService>[0]) {
  const service = await createTestService(t);
  for (const id of [ACCOUNT, OTHER_ACCOUNT])
    await createBalances(service.ledger, id, service.runtime.clock.now());
  const used = async () => {
    const { rows } = await service.pool.query(
      `SELECT meter, used FROM ledger_counters WHERE account_id = $1 AND meter IN ('cost', 'tokens.total') ORDER BY 1`,
      [ACCOUNT],
    );
    return rows.map((row) => row.used);
  };
  return {
    service,
    used,
    list: (query = '', as: CallerName = 'support') => service.call<Page>('GET', `${LIST}${query}`, { as }),
    resolve: (id: string, body: unknown = resolution, as: CallerName = 'admin') =>
      service.call('POST', `${LIST}/${id}/resolve`, { as, body }),
  };
}

t.test('given a call of unknown outcome', async (t) => {
  const { service, used, list, resolve } = await createFixture(t);
  const id = await lose(service);
  await service.ledger.hold(testHold(ACCOUNT, service.runtime.newId(), { cost: 1n }));

  const countOf = async () =>
    (await service.metrics.registry.metrics()).match(/^inkmeter_unresolved_calls\S* (\d+)$/m)?.[1];

  await t.test('then staff see it, with its bound', async (t) => {
    t.strictSame(await used(), [200_000n, 150n]);
    const { status, body } = await list();
    t.equal(status, 200);
    t.equal(body.next_cursor, null);
    t.equal(await countOf(), '1');
    t.match(body.data, [
      {
        id: `${id}.0`,
        request_id: id,
        account_id: ACCOUNT,
        usage_source: 'bound',
        error_code: 'hold_expired',
        tokens: { input: 100, output: 50 },
        cost_nano_usd: '200000',
        correction: null,
      },
    ]);
  });

  await t.test('when an admin resolves it, then its true usage counts', async (t) => {
    const { status, body } = await resolve(`${id}.0`, { ...resolution, provider_request_id: 'req_9' });
    t.equal(status, 200);
    t.equal(await countOf(), '0');
    t.match(body, {
      id: `${id}.0`,
      cost_nano_usd: '200000',
      provider_request_id: 'req_9',
      correction: {
        status: 'error',
        usage_source: 'provider',
        tokens: { input: 80, output: 10 },
        other_units: {},
        cost_nano_usd: '100000',
        cost_usd: '0.000100000',
        change_nano_usd: '-100000',
        change_usd: '-0.000100000',
      },
    });
    t.strictSame(await used(), [100_000n, 90n]);
    t.strictSame(await findBreaches(service.pool), []);
    t.strictSame((await list()).body.data, []);
  });

  await t.test('then it is audited once, however often it is repeated', async (t) => {
    const again = await Promise.all([resolve(`${id}.0`), resolve(`${id}.0`)]);
    for (const { status, body } of again) {
      t.equal(status, 200);
      t.match(body.correction, { cost_nano_usd: '100000' });
    }
    const { rows } = await service.pool.query(
      `SELECT actor, subject, account_id, before, after, reason FROM audit_log WHERE action = 'usage.resolved'`,
    );
    t.strictSame(rows, [
      {
        actor: STAFF,
        subject: `call:${id}.0`,
        account_id: ACCOUNT,
        before: { usage_source: 'bound', cost_nano_usd: '200000' },
        after: { usage_source: 'provider', cost_nano_usd: '100000', provider_request_id: 'req_9' },
        reason: resolution.reason,
      },
    ]);
  });

  await t.test('then webhooks learn of it once, with the differences', async (t) => {
    const { rows } = await service.pool.query(
      `SELECT account_id, payload FROM outbox_events WHERE type = 'usage.corrected'`,
    );
    for (const { payload } of rows) checkEventDocumented('usage.corrected', payload);
    const correction = {
      id: null,
      corrects: `${id}.0`,
      occurred_at: rows[0]?.payload.corrections[0].occurred_at,
    };
    t.strictSame(rows, [
      {
        account_id: ACCOUNT,
        payload: {
          source: 'provider',
          corrections: [
            { ...correction, meter: 'cost', amount: '-100000' },
            { ...correction, meter: 'tokens.openai', amount: '-60' },
            { ...correction, meter: 'tokens.total', amount: '-60' },
          ],
        },
      },
    ]);
  });

  await t.test('then other figures are refused', async (t) => {
    const { status, body } = await resolve(`${id}.0`, { ...resolution, usage: { input: 81, output: 10 } });
    t.equal(status, 409);
    t.match(body, { code: 'conflict', detail: /corrected before/ });
    t.strictSame(await used(), [100_000n, 90n]);
  });

  await t.test('then the customer sees the call once, and its true cost in the totals', async (t) => {
    const page = await service.call<{ data: UsageCall[] }>('GET', '/api/usage/requests', {
      as: 'owner',
    });
    t.match(page.body.data, [{ cost_nano_usd: '200000', correction: { cost_nano_usd: '100000' } }]);
    t.equal(page.body.data.length, 1);
    const report = await service.call<RequestReport>('GET', `/api/usage/requests/${id}`, {
      as: 'owner',
    });
    t.match(report.body, {
      calls: [{ usage_source: 'bound', correction: { change_nano_usd: '-100000' } }],
      totals: { calls: 1, tokens: { input: 80, output: 10, total: 90 }, cost_nano_usd: '100000' },
    });
  });
});

t.test('given concurrent resolutions with different figures, then one wins, exactly', async (t) => {
  const { service, used, resolve } = await createFixture(t);
  const id = await lose(service);
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      resolve(`${id}.0`, { ...resolution, usage: { input: n, output: 1 } }),
    ),
  );
  const won = answers.flatMap(({ status }, n) => (status === 200 ? [BigInt(n)] : []));
  t.equal(won.length, 1);
  t.strictSame(
    answers.filter(({ status }) => status === 409).map(({ body }) => body.code),
    new Array(7).fill('conflict'),
  );
  const [input = 0n] = won;
  t.strictSame(await used(), [(input + 2n) * 1_000n, input + 1n]);
  t.strictSame(await findBreaches(service.pool), []);
  const { rows } = await service.pool.query(
    `SELECT count(*)::int AS n FROM audit_log WHERE action = 'usage.resolved'`,
  );
  t.equal(rows[0].n, 1);
});

t.test('given several calls, then filters and pages select them', async (t) => {
  const { service, list, resolve } = await createFixture(t);
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) ids.unshift(await lose(service, n === 2 ? OTHER_ACCOUNT : ACCOUNT));
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: { body: Page } = await list(`?limit=2${cursor && `&cursor=${cursor}`}`);
    t.ok(body.data.length <= 2);
    seen.push(...body.data.map(({ request_id }) => request_id));
    cursor = body.next_cursor;
  }
  t.strictSame(seen, ids);
  const idsOf = async (query: string) => (await list(query)).body.data.map(({ request_id }) => request_id);
  t.strictSame(await idsOf(`?account_id=${OTHER_ACCOUNT}`), [ids[2]]);
  t.strictSame(await idsOf('?model=gpt-4o'), ids);
  t.strictSame(await idsOf('?model=other'), []);
  const { admitted_at: middle = '' } = (await list()).body.data[2] ?? {};
  t.strictSame(await idsOf(`?from=${middle}`), ids.slice(0, 3));
  t.strictSame(await idsOf(`?to=${middle}`), ids.slice(3));
  await resolve(`${ids[0]}.0`);
  t.strictSame(await idsOf(''), ids.slice(1));
});

t.test('given what cannot be resolved, then nothing changes', async (t) => {
  const { service, used, resolve, list } = await createFixture(t);
  const id = await lose(service);
  const known = service.runtime.newId();
  await service.ledger.hold(testHold(ACCOUNT, known, { cost: 5n }));
  await service.ledger.settle(testSettle(ACCOUNT, known, { cost: 5n }));
  const cases: [string, unknown, number, string][] = [
    [`${known}.0`, resolution, 409, 'conflict'],
    [`${id}.1`, resolution, 404, 'not_found'],
    [`${service.runtime.newId()}.0`, resolution, 404, 'not_found'],
    [id, resolution, 400, 'invalid_request'],
    [`${id}.-1`, resolution, 400, 'invalid_request'],
    [`${id}.0`, {}, 400, 'invalid_request'],
    [`${id}.0`, { usage: { input: 1 } }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, usage: { input: -1 } }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, usage: { input: 1.5 } }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, usage: { input: 1_000_000_001 } }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, usage: { tokens: 1 } }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, usage: { image: 1 } }, 422, 'semantic_error'],
    [`${id}.0`, { ...resolution, reason: ' ' }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, cost_nano_usd: '5' }, 422, 'semantic_error'],
    [`${id}.0`, { ...resolution, cost_nano_usd: '-5' }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, cost_nano_usd: 5 }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, reason: 'x'.repeat(501) }, 400, 'invalid_request'],
    [`${id}.0`, { ...resolution, reason: 'x'.repeat(2_000_000) }, 413, 'body_too_large'],
  ];
  for (const [call, body, status, code] of cases) {
    const answer = await resolve(call, body);
    t.strictSame(
      [answer.status, answer.body.code],
      [status, code],
      `${call} ${JSON.stringify(body).slice(0, 80)}`,
    );
  }
  for (const caller of ['support', 'owner', 'key'] as const)
    t.equal((await resolve(`${id}.0`, resolution, caller)).status, 403, caller);
  for (const caller of ['owner', 'key'] as const) t.equal((await list('', caller)).status, 403, caller);
  t.equal((await service.call('GET', LIST)).status, 401);
  t.equal((await service.call('POST', `${LIST}/${id}.0/resolve`, { body: resolution })).status, 401);
  for (const query of ['?cursor=x', '?limit=0', '?account_id=1', '?from=yesterday'])
    t.equal((await list(query)).status, 400, query);
  t.strictSame(await used(), [200_005n, 150n]);
});

t.test('given a provider that charged nothing, then the call is free', async (t) => {
  const { service, used, resolve } = await createFixture(t);
  const id = await lose(service);
  t.equal((await resolve(`${id}.0`, { usage: {}, reason: 'Not on the invoice.' })).status, 200);
  t.strictSame(await used(), [0n, 0n]);
  t.strictSame(await findBreaches(service.pool), []);
});

t.test('given a hold without a readable plan, then the cost is given with the usage', async (t) => {
  const { service, used, resolve, list } = await createFixture(t);
  const id = await lose(service, ACCOUNT, 'not a plan');
  t.match((await list()).body.data, [{ id: `${id}.0`, provider: 'unknown', cost_nano_usd: '200000' }]);
  const { status, body } = await resolve(`${id}.0`);
  t.strictSame([status, body.code, body.param], [422, 'semantic_error', 'usage']);

  const priced = { ...resolution, cost_nano_usd: '123456' };
  t.match(await resolve(`${id}.0`, priced), {
    status: 200,
    body: {
      correction: { tokens: { input: 80, output: 10 }, cost_nano_usd: '123456', change_nano_usd: '-76544' },
    },
  });
  t.strictSame(await used(), [123_456n, 90n]);
  t.equal((await resolve(`${id}.0`, priced)).status, 200, 'a repeat changes nothing');
  t.equal((await resolve(`${id}.0`, { ...priced, cost_nano_usd: '123457' })).status, 409);
  t.strictSame(await findBreaches(service.pool), []);
});
