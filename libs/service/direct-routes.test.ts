import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { type Caller, INTERNAL_CONTEXT_HEADER, SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import { listenOnFreePort, request } from '#libs/testing/http.ts';
import { testIdentity, testServiceConfig } from '#libs/testing/service.ts';
import { createService } from './create-service.ts';
import { createDirectRoutes, createPublicDirectRoutes, type DirectRoute } from './direct-routes.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { systemRuntime } from './runtime.ts';

const PATH = '/internal/v1/echo';
const TYPE = 'application/x-echo';
const LIMIT = 16;
const ID = '01912345-6789-7abc-8def-0123456789ab';
const caller: Caller = { ...SERVICE_CALLER, accountId: 'account-1' };

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

/** A service with one direct route that echoes, next to a Fastify route of the same name. */
async function given(
  t: Test,
  serve: DirectRoute['serve'] = async ({ response }, { accountId }, body) =>
    void response.writeHead(200).end(`${accountId}: ${body}`),
) {
  const lines: Record<string, unknown>[] = [];
  const closing = Promise.withResolvers<void>();
  const logged = Promise.withResolvers<number>();
  const onLine = logged.resolve;
  const logger = createLogger({
    name: 'direct',
    level: 'info',
    destination: {
      write: (line) => {
        const entry = JSON.parse(line);
        if (!entry.msg.startsWith('Server listening')) onLine(lines.push(entry));
      },
    },
  });
  const metrics = createMetrics({ service: 'direct', processMetrics: false });
  const app = createService({ config: testServiceConfig(), runtime: systemRuntime, logger, metrics });
  const add = createDirectRoutes(app, {
    identity: testIdentity('generation', systemRuntime.clock),
    newId: systemRuntime.newId,
    logger,
    metrics,
  });
  add({ path: PATH, contentType: TYPE, bodyLimitBytes: LIMIT, serve });
  app.get(PATH, async () => 'from Fastify');
  app.addHook('preClose', async () => closing.resolve());
  const url = (await listenOnFreePort(t, app)) + PATH;
  const sign = (sender: 'gateway' | 'billing', path = PATH) =>
    testIdentity(sender, systemRuntime.clock).signFor('generation')({ method: 'POST', path }, caller);
  const headers = { 'content-type': TYPE, 'x-request-id': ID, [INTERNAL_CONTEXT_HEADER]: sign('gateway') };
  const send = (body: string, more: Record<string, string> = {}) =>
    request<Answer>(url, { method: 'POST', headers: { ...headers, ...more }, body });
  return { app, url, lines, metrics, headers, sign, send, closing: closing.promise, logged: logged.promise };
}

t.test('given a public route, then no caller is required, and clients do not choose the id', async (t) => {
  const metrics = createMetrics({ service: 'direct', processMetrics: false });
  const logger = createLogger({ name: 'direct', level: 'silent' });
  const app = createService({ config: testServiceConfig(), runtime: systemRuntime, logger, metrics });
  const add = createPublicDirectRoutes(app, { newId: () => ID, logger, metrics });
  add({
    path: PATH,
    contentType: null,
    bodyLimitBytes: LIMIT,
    serve: async ({ id, response }, caller, body) =>
      void response.writeHead(200).end(`${id} ${caller} ${body}`),
  });
  const url = (await listenOnFreePort(t, app)) + PATH;
  const send = (body: string) =>
    request<Answer>(url, {
      method: 'POST',
      headers: { 'content-type': 'text/x', 'x-request-id': 'x' },
      body,
    });
  t.match(await send('hello'), { status: 200, body: `${ID} null hello` });
  t.match(await send('x'.repeat(LIMIT + 1)), { status: 413, body: { code: 'body_too_large' } });
});

t.test('given the gateway, then it is served, logged and counted', async (t) => {
  const { url, lines, metrics, send } = await given(t);
  t.match(await send('hello'), { status: 200, body: 'account-1: hello' });
  t.match(await send(''), { status: 200, body: 'account-1: ' });
  t.match(lines, [
    {
      msg: 'request completed',
      request_id: ID,
      method: 'POST',
      route: PATH,
      status: 200,
      account: 'account-1',
    },
    { msg: 'request completed' },
  ]);
  t.match(await metrics.registry.metrics(), /duration_seconds_count\{.*route="\/internal\/v1\/echo".*\} 2/);
  t.equal((await request(url)).body, 'from Fastify', 'other methods are routed');
});

t.test('given a request that is not allowed or not valid, then it gets a problem', async (t) => {
  const { lines, sign, send } = await given(t);
  const identify = (header: string) => ({ [INTERNAL_CONTEXT_HEADER]: header });
  for (const header of ['', 'forged', sign('billing'), sign('gateway', '/internal/v1/other')]) {
    t.match(await send('hello', identify(header)), {
      status: 401,
      body: { code: 'unauthenticated', request_id: ID },
    });
  }
  t.match(await send('hello', { 'content-type': 'text/plain' }), {
    status: 415,
    body: { code: 'unsupported_media_type' },
  });
  t.match(await send('hello', { 'content-encoding': 'gzip' }), { status: 415 });
  t.match(await send('x'.repeat(LIMIT)), { status: 200 });
  t.match(await send('x'.repeat(LIMIT + 1)), { status: 413, body: { code: 'body_too_large' } });
  t.match(
    lines.filter(({ msg }) => msg === 'request completed').map(({ problem }) => problem),
    [
      ...new Array(4).fill('unauthenticated'),
      ...new Array(2).fill('unsupported_media_type'),
      undefined,
      'body_too_large',
    ],
  );
});

t.test('given a body without a length, then it is read up to the limit', async (t) => {
  const { url, headers } = await given(t);
  const sending = httpRequest(url, { method: 'POST', headers });
  sending.on('error', () => undefined);
  sending.write('x'.repeat(LIMIT));
  sending.write('x');
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  t.equal(response.statusCode, 413);
  t.equal(response.headers.connection, 'close');
  response.resume();
  sending.destroy();
});

t.test('given a handler that fails, then its problem is sent and an error is logged', async (t) => {
  const refused = await given(t, async () => {
    throw problem('emergency_stop', { headers: { 'retry-after': '9' } });
  });
  const answer = await refused.send('hello');
  t.match(answer, { status: 503, body: { code: 'emergency_stop' } });
  t.equal(answer.headers.get('retry-after'), '9');

  const broken = await given(t, async () => {
    throw new Error('a secret of the database');
  });
  const failed = await broken.send('hello');
  t.match(failed, { status: 500, body: { code: 'internal_error' } });
  t.notMatch(JSON.stringify(failed.body), 'secret');
  t.match(broken.lines, [
    { level: 'error', msg: 'request failed', request_id: ID },
    { problem: 'internal_error' },
  ]);

  const late = await given(t, async ({ response }) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('half');
    throw new Error('too late');
  });
  await t.rejects(late.send('hello'), 'a truncated response does not look complete');
});

t.test('given a client that disconnects while it sends, then 499 is logged', async (t) => {
  const { url, lines, headers, logged } = await given(t);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const head = Object.entries({ host: 'generation', ...headers, 'content-length': '9' });
  socket.write(`POST ${PATH} HTTP/1.1\r\n${head.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\nhalf`);
  await once(socket, 'connect');
  socket.destroySoon();
  await logged;
  t.match(lines, [{ status: 499, problem: 'client_closed_request' }]);
});

t.test('given an app that closes, then a running request completes and its connection ends', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { app, send, closing } = await given(t, async ({ response }) => {
    arrived.resolve();
    await finish.promise;
    response.writeHead(200).end('done');
  });
  const pending = send('hello');
  await arrived.promise;
  const closed = app.close();
  await closing;
  finish.resolve();
  const answer = await pending;
  t.match(answer, { status: 200, body: 'done' });
  t.equal(answer.headers.get('connection'), 'close');
  await closed;
});
