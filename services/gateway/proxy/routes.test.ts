import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import pg from 'pg';
import t from 'tap';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { importCatalogue } from '#libs/contracts/catalogues.ts';
import { putFlag } from '#libs/contracts/flags.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER, SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import { addKbFile, deleteKbFile } from '#libs/contracts/knowledge-base.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { streamUsage } from '#libs/contracts/usage-stream.ts';
import { createDatabase, type Database } from '#libs/db/database.ts';
import { createFailover } from '#libs/http/failover.ts';
import { createServicePool, isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';
import { createService } from '#libs/service/create-service.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { serviceVariables, toServiceConfig } from '#libs/service/variables.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { testIdentity } from '#libs/testing/service.ts';
import type { Idempotency } from '../idempotency/domain.ts';
import { type IdempotencyState, runOnce } from '../idempotency/idempotency.ts';
import { createLiveStreams, type LiveStreams } from './live-streams.ts';
import { proxyRoutes } from './routes.ts';

const CALLER: Caller = { ...SERVICE_CALLER, workspaceId: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d41' };

/** A gateway that only proxies. Without a database it cannot serve requests with an `Idempotency-Key`. */
function createGateway(
  t: TestScope,
  operations: readonly Operation[],
  urls: readonly string[],
  {
    database,
    liveStreams = createLiveStreams(() => CALLER),
  }: { database?: Database; liveStreams?: LiveStreams } = {},
) {
  const runtime = createFakeRuntime();
  const { now } = runtime.clock;
  const app = createService({
    config: toServiceConfig(z.object(serviceVariables(0)).parse({})),
    runtime,
    logger: createLogger({ name: 'test', level: 'silent' }),
    metrics: createMetrics({ service: 'gateway', processMetrics: false }),
    keepRawBody: true,
  });
  app.removeContentTypeParser('text/plain');
  const pools = urls.map((url) => createServicePool(url));
  t.teardown(() => Promise.all([app.close(), ...pools.map((pool) => pool.close())]));
  const state: IdempotencyState = {
    database: database ?? createDatabase(new pg.Pool()),
    now,
    readOutcome: async () => ({ state: 'unknown' }),
    running: new Set(),
  };
  const idempotency: Idempotency = {
    runOnce: (...request) => runOnce(state, ...request),
    readOutcome: state.readOutcome,
  };
  proxyRoutes(app, operations, {
    failover: createFailover<Dispatcher>(pools, isNotSent),
    sign: testIdentity('gateway', runtime.clock).signFor('generation'),
    callerOf: () => CALLER,
    idempotency,
    liveStreams,
  });
  return { app, identity: testIdentity('generation', runtime.clock) };
}

t.test('given a service that reads catalogues as YAML', async (t) => {
  const url = await listenServerOnFreePort(
    t,
    createServer(async (request, response) => {
      const body = await text(request);
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ type: request.headers['content-type'], body }));
    }),
  );
  const { app } = createGateway(t, [importCatalogue, putFlag], [url]);
  const send = (method: 'POST' | 'PUT', path: string, type: string, payload: string) =>
    app.inject({ method, url: path, headers: { 'content-type': type }, payload });

  await t.test('then YAML and JSON arrive unchanged', async (t) => {
    for (const [type, body] of [
      ['text/yaml', 'id: "ünï"\n# kept\n'],
      ['application/yaml', 'id: x'],
      ['application/json', '{ "source" : "id: x" }'],
    ] as const) {
      const answer = await send('POST', importCatalogue.path, type, body);
      t.equal(answer.statusCode, 201);
      t.strictSame(answer.json(), { type, body });
    }
  });

  await t.test('then no other route accepts YAML, and this one accepts no other type', async (t) => {
    t.equal((await send('PUT', '/api/admin/flags/ai_inbox', 'text/yaml', 'a: 1')).statusCode, 415);
    t.equal((await send('POST', importCatalogue.path, 'text/plain', 'a: 1')).statusCode, 415);
  });
});

t.test('given several processes of a service', async (t) => {
  const served = [0, 0];
  const listen = (index: number) =>
    listenServerOnFreePort(
      t,
      createServer(async (request, response) => {
        served[index] = (served[index] ?? 0) + 1;
        const body = await text(request);
        const { url, method, headers } = request;
        response.writeHead(429, {
          'content-type': 'application/problem+json',
          'retry-after': '7',
          ratelimit: '"kb.files/total";r=0',
          'x-internal': 'secret',
        });
        response.end(JSON.stringify({ url, method, body, context: headers[INTERNAL_CONTEXT_HEADER] }));
      }),
    );
  const gone = createServer();
  const goneUrl = await listenServerOnFreePort(t, gone);
  await new Promise((resolve) => gone.close(resolve));
  const urls = [await listen(0), goneUrl, await listen(1)];
  const { app, identity } = createGateway(t, [addKbFile, deleteKbFile], urls);

  await t.test('then they take turns, and one that is down is passed over', async (t) => {
    for (let count = 0; count < 6; count += 1) {
      const answer = await app.inject({
        method: 'POST',
        url: addKbFile.path,
        payload: { name: 'x', content: 'y' },
      });
      t.equal(answer.statusCode, 429);
    }
    t.strictSame(served, [2, 4]);
  });

  await t.test('then the request arrives unchanged with its caller, and so does the response', async (t) => {
    const answer = await app.inject({ method: 'DELETE', url: '/api/kb/files/1?x=%20' });
    const seen = answer.json();
    t.match(seen, { method: 'DELETE', url: '/api/kb/files/1?x=%20', body: '' });
    const sent = { method: 'DELETE', path: '/api/kb/files/1?x=%20' };
    t.strictSame(identity.verify(seen.context, sent), { ok: true, sender: 'gateway', caller: CALLER });
    const replayed = identity.verify(seen.context, { ...sent, path: '/api/kb/files/2?x=%20' });
    t.strictSame(replayed, { ok: false, reason: 'other_request' });
    t.match(answer.headers, {
      'content-type': 'application/problem+json',
      'retry-after': '7',
      ratelimit: '"kb.files/total";r=0',
      'x-internal': undefined,
    });
  });
});

t.test(
  'given a POST that carries an Idempotency-Key, when it is repeated, then the service sees it once',
  async (t) => {
    let seen = 0;
    const url = await listenServerOnFreePort(
      t,
      createServer(({ headers }, response) => {
        seen += 1;
        t.match(headers['idempotency-key'], /^(k|other)$/, 'the service sees the key');
        response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ seen }));
      }),
    );
    const { pool } = await createTestDatabase(t);
    const { app } = createGateway(t, [addKbFile], [url], { database: createDatabase(pool) });
    const post = (key: string, name: string) =>
      app.inject({
        method: 'POST',
        url: '/api/kb/files',
        headers: { 'idempotency-key': key },
        payload: { name },
      });
    const first = await post('k', 'a');
    const again = await post('k', 'a');
    t.strictSame([first.statusCode, first.json()], [201, { seen: 1 }]);
    t.strictSame([again.statusCode, again.json()], [201, { seen: 1 }]);
    t.equal(again.headers['idempotent-replayed'], 'true');
    t.equal(again.headers['x-request-id'], first.headers['x-request-id'], 'both have one request id');
    t.equal((await post('k', 'b')).statusCode, 422);
    t.strictSame((await post('other', 'b')).json(), { seen: 2 });
  },
);

t.test('given a stream that lasts, then it ends with its credential', async (t) => {
  const sources = new EventEmitter();
  const url = await listenServerOnFreePort(
    t,
    createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: limits\ndata: {}\n\n');
      response.once('close', () => sources.emit('closed'));
    }),
  );
  let caller: () => Caller = () => CALLER;
  const live = createLiveStreams(() => caller(), 3_600_000);
  const liveStreams: LiveStreams = {
    ...live,
    add(...stream) {
      sources.emit('opened');
      return live.add(...stream);
    },
  };
  const { app } = createGateway(t, [streamUsage], [url], { liveStreams });
  const open = async () => {
    const opened = once(sources, 'opened');
    // Begins with `then`.
    const answer = app.inject({ method: 'GET', url: streamUsage.path }).then(({ body }) => body);
    const closed = once(sources, 'closed');
    await opened;
    return { closed, body: () => answer };
  };
  const ended = (reason: string) => new RegExp(`event: end\\ndata: {"reason":"${reason}"}\\n\\n$`);
  const refusals: [string, () => Caller][] = [
    [
      'expired',
      () => {
        throw problem('token_expired');
      },
    ],
    ['another role', () => ({ ...CALLER, role: 'owner' })],
  ];
  for (const [what, refusal] of refusals) {
    caller = () => CALLER;
    const stream = await open();
    await liveStreams.check();
    caller = () => {
      throw problem('service_unavailable');
    };
    await liveStreams.check();
    caller = refusal;
    await liveStreams.check();
    t.match(await stream.body(), ended('credential'), what);
    await stream.closed;
  }
  const stream = await open();
  liveStreams.close();
  t.match(await stream.body(), ended('shutdown'));
});
