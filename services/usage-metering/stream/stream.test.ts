import { once } from 'node:events';
import { Agent, type ClientRequest, get, type IncomingMessage } from 'node:http';
import t from 'tap';
import type { AlertWire } from '#libs/contracts/alerts.ts';
import type { LimitWire } from '#libs/contracts/limits.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { ACCOUNT, type CallerName, callers, createTestService, OTHER_ACCOUNT, OWNER } from '../fixtures.ts';
import { lowestIdAt } from './follow.ts';
import { MAX_STREAMS } from './routes.ts';

const PATH = '/api/usage/stream';
type Event = { event: string; id: string | undefined; data: unknown };

async function createStreams(t: Parameters<typeof createTestService>[0]) {
  const service = await createTestService(t);
  const { ledger, runtime, identify } = service;
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const requests: ClientRequest[] = [];
  t.teardown(() => {
    for (const request of requests) request.destroy();
    agent.destroy();
  });
  const base = await service.listen();

  /** Opens a stream. */
  async function connect(as: CallerName, headers: Record<string, string> = {}) {
    const identity = identify(callers[as], { method: 'GET', path: PATH });
    const request = get(base + PATH, { agent, headers: { ...identity, ...headers } });
    requests.push(request);
    request.on('error', () => undefined);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return { response, request, events: eventsOf(response) };
  }

  return {
    ...service,
    base,
    agent,
    requests,
    connect,
    limitCost: (accountId: string, n: bigint) =>
      ledger.setLimits({
        accountId,
        anchor: runtime.clock.now(),
        periodMonths: 1,
        segments: [testSegment({ meter: 'cost', window: 'total', n })],
      }),
    async spend(accountId: string, cost: bigint) {
      const id = runtime.newId();
      await ledger.hold(testHold(accountId, id, { cost }));
      await ledger.settle(testSettle(accountId, id, { cost }));
    },
  };
}

/** Without comments. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<Event> {
  let text = '';
  response.setEncoding('utf8').on('error', () => undefined);
  for await (const chunk of response) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const fieldOf = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const event = fieldOf('event');
      if (event !== undefined)
        yield { event, id: fieldOf('id'), data: JSON.parse(fieldOf('data') ?? 'null') };
    }
  }
}

/** The next event of a kind; those before it are skipped. */
async function next<Data>(events: AsyncGenerator<Event>, kind: string) {
  for (let one = await events.next(); !one.done; one = await events.next()) {
    if (one.value.event === kind) return { id: one.value.id, data: one.value.data as Data };
  }
  throw new Error(`The stream ended without the event ${kind}.`);
}

t.test('given open streams of an account', async (t) => {
  const { connect, limitCost, spend, call, pool } = await createStreams(t);
  await limitCost(ACCOUNT, 1_000n);
  await limitCost(OTHER_ACCOUNT, 1_000n);
  const owner = await connect('owner');
  const other = await connect('otherOwner');
  t.match(owner.response.headers, { 'content-type': /^text\/event-stream/, 'x-accel-buffering': 'no' });
  const first = await next<{ limits: LimitWire[] }>(owner.events, 'limits');
  t.match(first.data.limits, [{ meter: 'cost', used: '0', held: '0', state: 'ok' }]);
  t.equal(first.data.limits.length, 1);

  await t.test('when a call settles, then its limits follow, with the state and the alert', async (t) => {
    await spend(ACCOUNT, 850n);
    // By notification; the limits are read once a second.
    const alert = await next<AlertWire>(owner.events, 'alert');
    t.match(await next(owner.events, 'limits'), { data: { limits: [{ used: '850', percentage: 85 }] } });
    t.match(await next(owner.events, 'state'), {
      data: { previous: 'ok', limit: { meter: 'cost', state: 'warning' } },
    });
    t.equal(alert.id, alert.data.id);
    const list = await call<{ data: { alerts: AlertWire[] } }>('GET', `/api/subscription/alerts/${OWNER}`, {
      as: 'owner',
    });
    t.strictSame(list.body.data.alerts, [alert.data], 'as the list has it');
  });

  await t.test('when a client connects again, then it receives only newer alerts', async (t) => {
    const seen = (await pool.query('SELECT id FROM alerts')).rows[0]?.id as string;
    owner.request.destroy();
    await spend(ACCOUNT, 60n);
    const again = await connect('owner', { 'last-event-id': seen });
    t.match(await next(again.events, 'limits'), { data: { limits: [{ used: '910', state: 'notice' }] } });
    const alert = await next<AlertWire>(again.events, 'alert');
    t.not(alert.id, seen);
    t.match(alert.data, { data: { limit: { state: 'notice', used: '910' } } });
    again.request.destroy();

    const all = await connect('key', { 'last-event-id': lowestIdAt(0) });
    t.equal((await next(all.events, 'alert')).id, seen);
    t.equal((await next(all.events, 'alert')).id, alert.id);
    all.request.destroy();
  });

  await t.test('when staff stop and lift, then those whom it concerns are notified', async (t) => {
    const again = await connect('owner');
    const stop = (body: object) => call<{ id: string }>('POST', '/api/admin/stops', { as: 'admin', body });
    const lift = (id: string) => call('DELETE', `/api/admin/stops/${id}`, { as: 'admin' });
    const elsewhere = await stop({ kind: 'account', target: OTHER_ACCOUNT, reason: 'not theirs' });
    const notice = { public_reason: 'OpenAI has problems.', expected_until: '2026-11-20T14:00:00.000Z' };
    const { body } = await stop({ kind: 'provider', target: 'openai', reason: 'outage', ...notice });
    t.strictSame((await next(again.events, 'stops')).data, {
      stops: [{ stop: 'provider:openai', ...notice }],
    });
    await lift(body.id);
    t.strictSame((await next(again.events, 'stops')).data, { stops: [] });
    again.request.destroy();
    const theirs = await connect('otherOwner');
    const nothing = { public_reason: null, expected_until: null };
    t.strictSame((await next(theirs.events, 'stops')).data, {
      stops: [{ stop: `account:${OTHER_ACCOUNT}`, ...nothing }],
    });
    theirs.request.destroy();
    await lift(elsewhere.body.id);
  });

  await t.test('then another account receives nothing of it', async (t) => {
    await spend(OTHER_ACCOUNT, 10n);
    const seen: unknown[] = [];
    for (const expected of ['0', '10']) {
      const { data } = await next<{ limits: LimitWire[] }>(other.events, 'limits');
      seen.push(data.limits.map(({ used }) => used));
      t.strictSame(seen.at(-1), [expected]);
    }
    other.request.destroy();
  });

  await t.test('then requests without a credential, or with a malformed id, are refused', async (t) => {
    t.equal((await call('GET', PATH)).status, 401);
    t.equal((await call('GET', PATH, { as: 'owner', headers: { 'last-event-id': '7' } })).status, 400);
    t.equal((await call('GET', `${PATH}?since=1`, { as: 'owner' })).status, 400);
  });
});

t.test('given 2,000 listeners of 40 accounts', async (t) => {
  const { base, agent, requests, limitCost, spend, runtime, identify } = await createStreams(t);
  const accounts = Array.from({ length: 40 }, () => runtime.newId());
  for (const account of accounts) await limitCost(account, 1_000n);
  const received = new Map(accounts.map((account) => [account, 0]));
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const open = (account: string) =>
    Array.from({ length: 50 }, async () => {
      const request = get(base + PATH, {
        agent,
        headers: identify({ ...callers.owner, accountId: account }, { method: 'GET', path: PATH }),
      });
      requests.push(request);
      request.on('error', () => undefined);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.setEncoding('utf8').on('error', () => undefined);
      response.on('data', (text: string) => {
        const events = text.match(/^event: limits$/gm)?.length ?? 0;
        received.set(account, (received.get(account) ?? 0) + events);
      });
      await once(response, 'data');
    });
  for (const account of accounts) await Promise.all(open(account));
  const total = () => [...received.values()].reduce((sum, count) => sum + count, 0);
  t.equal(total(), 2_000);
  const perListener = (process.memoryUsage().heapUsed - heapBefore) / 2_000;
  t.ok(perListener < 100_000, `${Math.round(perListener / 1_000)} kB each, client included`);

  const [busy = ''] = accounts;
  await spend(busy, 100n);
  while (total() < 2_050) await new Promise((resolve) => setImmediate(resolve));
  t.equal(received.get(busy), 100, 'each listener of the account, once');
  t.equal(total(), 2_050, 'and no other');
});

t.test('given an account with as many streams as it may have, then one more is refused', async (t) => {
  const { connect, limitCost, call, close } = await createStreams(t);
  await limitCost(ACCOUNT, 1_000n);
  const streams = await Promise.all(Array.from({ length: MAX_STREAMS }, () => connect('owner')));
  t.ok(streams.every(({ response }) => response.statusCode === 200));
  const refused = await call('GET', PATH, { as: 'key' });
  t.match(refused, {
    status: 429,
    headers: { 'ratelimit-policy': `"usage_streams";q=${MAX_STREAMS}`, 'retry-after': '5' },
    body: { code: 'rate_limited', policy: 'usage_streams', max_requests: MAX_STREAMS },
  });
  const [closed, last] = streams as [(typeof streams)[number], (typeof streams)[number]];
  closed.request.destroy();
  for (;;) {
    const { response } = await connect('owner');
    if (response.statusCode === 200) break;
    response.resume();
  }

  await t.test('when the service stops, then each stream says so and ends', async (t) => {
    const ended = next(last.events, 'end');
    await close();
    t.match(await ended, { data: { reason: 'shutdown' } });
  });
});
