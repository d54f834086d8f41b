import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import OpenAI from 'openai';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { problem } from '#libs/problems/problems.ts';
import { checkProblem } from '#libs/testing/problems.ts';
import { testServiceConfig } from '#libs/testing/service.ts';
import { createService, type ServiceOptions } from './create-service.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { isAbove } from './overload.ts';
import { systemRuntime } from './runtime.ts';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const GIVEN_ID = '01912345-6789-7abc-8def-0123456789ab';

const config = testServiceConfig({ BODY_LIMIT: '1kb', REQUEST_TIMEOUT: '5s' });

/** A small service with one route of each kind; `lines` is what it logged. */
function build(test: Test, overrides: Partial<ServiceOptions> = {}) {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ service: 'test', processMetrics: false });
  const app = createService({
    config,
    runtime: systemRuntime,
    logger,
    metrics,
    errorFormatFor: (url) => (url.startsWith('/v1/') ? 'openai' : 'problem'),
    ...overrides,
  });
  app.post(
    '/echo/:id',
    {
      schema: {
        params: z.object({ id: z.string() }),
        body: z.strictObject({
          topic: z.string(),
          count: z.number().int().optional(),
          list: z.array(z.string()).optional(),
        }),
        response: { 200: z.object({ topic: z.string() }), '4xx': z.object({ never: z.string() }) },
      },
    },
    async (request) => {
      request.accountId = 'account-1';
      return { topic: request.body.topic, dropped: request.rawBody?.length };
    },
  );
  app.get('/refuse', async () => {
    throw problem('limit_held', { headers: { 'retry-after': '2' }, fields: { meter: 'cost' } });
  });
  app.get('/crash', async () => {
    throw Object.assign(new Error('Failed query: select $1\nparams: hunter2'), { statusCode: 418 });
  });
  app.get('/reject', () => Promise.reject('a string'));
  app.post('/v1/chat/completions', async () => {
    throw problem('unknown_model', { fields: { param: 'model' } });
  });
  app.get('/models/:name', async () => ({}));
  test.teardown(() => app.close());
  return { app, lines, metrics };
}

t.test('an ordinary request', async (t) => {
  // given a service
  const { app, lines, metrics } = build(t);
  // when a request succeeds
  const response = await app.inject({ method: 'POST', url: '/echo/1', payload: { topic: 'bees' } });
  // then its response carries a new id, and one log line and one metric record it
  t.equal(response.statusCode, 200);
  t.strictSame(response.json(), { topic: 'bees' });
  const id = String(response.headers['x-request-id']);
  t.match(id, UUID_V7);
  t.equal(lines.length, 1);
  t.match(lines[0], {
    level: 'info',
    service: 'test',
    request_id: id,
    method: 'POST',
    route: '/echo/:id',
    status: 200,
    account: 'account-1',
    msg: 'request completed',
  });
  t.type(lines[0]?.ms, 'number');
  const text = await metrics.registry.metrics();
  t.match(text, /_count\{.*method="POST",route="\/echo\/:id",status="2xx"/);
});

t.test('request ids of clients are replaced, those of services are kept', async (t) => {
  const headers = { 'x-request-id': GIVEN_ID };
  const outer = await build(t).app.inject({ method: 'GET', url: '/models/a', headers });
  t.not(outer.headers['x-request-id'], GIVEN_ID);
  const { app } = build(t, { acceptRequestId: true });
  const inner = await app.inject({ method: 'GET', url: '/models/a', headers });
  t.equal(inner.headers['x-request-id'], GIVEN_ID);
  const forged = await app.inject({
    method: 'GET',
    url: '/models/a',
    headers: { 'x-request-id': 'not-a-uuid\n' },
  });
  t.match(forged.headers['x-request-id'], UUID_V7);
});

t.test('every kind of failure has its own problem', async (t) => {
  const { app, lines, metrics } = build(t);
  const json = { 'content-type': 'application/json' };
  const post = { method: 'POST', url: '/echo/1', headers: json } as const;
  const cases = [
    [{ ...post, payload: '{"topic":' }, 400, 'malformed_json'],
    [{ ...post, payload: '' }, 400, 'invalid_request'],
    [{ ...post, payload: '{"topic":"x","__proto__":{"admin":true}}' }, 400, 'malformed_json'],
    [{ ...post, payload: '{"topic":"x","constructor":{"prototype":{"a":1}}}' }, 400, 'malformed_json'],
    [{ ...post, payload: JSON.stringify({ topic: 'x'.repeat(2000) }) }, 413, 'body_too_large'],
    [
      { ...post, payload: '<a/>', headers: { 'content-type': 'application/xml' } },
      415,
      'unsupported_media_type',
    ],
    [{ ...post, payload: '{"topic":1}' }, 400, 'invalid_request'],
    [{ ...post, payload: '{"topic":"x","extra":1}' }, 400, 'invalid_request'],
    [{ method: 'GET', url: '/nowhere?token=hunter2' }, 404, 'route_not_found'],
    [{ method: 'DELETE', url: '/echo/1' }, 405, 'method_not_allowed'],
    [{ method: 'GET', url: '/models/%zz' }, 400, 'invalid_request'],
    [{ method: 'GET', url: `/models/${'x'.repeat(200)}` }, 400, 'invalid_request'],
    [{ method: 'GET', url: '/refuse' }, 429, 'limit_held'],
    [{ method: 'GET', url: '/crash' }, 500, 'internal_error'],
    [{ method: 'GET', url: '/reject' }, 500, 'internal_error'],
  ] as const;
  for (const [request, status, code] of cases) {
    const response = await app.inject({ ...request });
    const name = `${request.method} ${request.url} ${'payload' in request ? request.payload.slice(0, 40) : ''}`;
    t.equal(response.statusCode, status, name);
    t.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8', name);
    t.match(response.json(), { code, status, type: `/docs/problems/${code}` }, name);
    t.equal(response.json().request_id, response.headers['x-request-id'], name);
    t.notMatch(response.body, /hunter2|select|FST_/, name);
  }
  t.notMatch(JSON.stringify(lines), /hunter2/, 'nor does the log know');
  t.match(
    lines.filter(({ level }) => level === 'error').map(({ msg }) => msg),
    ['request failed', 'request failed'],
    'only our own faults are errors',
  );
  for (const { level, request_id } of lines)
    if (level === 'error') t.match(request_id, UUID_V7, 'whose it was');
  t.match(
    await metrics.registry.metrics(),
    'inkmeter_refusals_total{code="malformed_json",service="test"} 3',
  );
  t.strictSame(
    lines.filter(({ msg }) => msg === 'request completed').map(({ problem: code }) => code),
    cases.map(([, , code]) => code),
    'each log line of a request names its problem',
  );
});

t.test('validation errors name the field', async (t) => {
  const { app } = build(t);
  const response = await app.inject({
    method: 'POST',
    url: '/echo/1',
    payload: { topic: 'x', list: ['a', 2], count: 1.5 },
  });
  t.match(response.json(), {
    code: 'invalid_request',
    param: 'count',
    errors: [
      { in: 'body', pointer: '/count' },
      { in: 'body', pointer: '/list/1', detail: /type string/ },
    ],
  });
});

t.test('headers of a problem are sent', async (t) => {
  const { app } = build(t);
  const refused = await app.inject({ method: 'GET', url: '/refuse' });
  t.equal(refused.headers['retry-after'], '2');
  t.equal(refused.json().meter, 'cost');
  const wrongMethod = await app.inject({ method: 'PUT', url: '/models/gpt' });
  t.equal(wrongMethod.headers.allow, 'GET, HEAD');
});

t.test('OpenAI routes answer in the shape its SDK reads', async (t) => {
  const { app } = build(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = new OpenAI({ apiKey: 'k', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 });
  const failure = await client.chat.completions.create({ model: 'm', messages: [] }).catch((error) => error);
  t.ok(failure instanceof OpenAI.NotFoundError);
  t.match(failure, { status: 404, code: 'model_not_found', param: 'model', requestID: UUID_V7 });
  const missing = await client.models.list().catch((error) => error);
  t.match(missing, { status: 404, code: 'route_not_found' });
  const large = await client.embeddings
    .create({ model: 'x'.repeat(5000), input: '' })
    .catch((error) => error);
  t.match(large, { status: 413, code: 'body_too_large', error: { limit_bytes: 1024 } });
  t.match(large.message, 'exceeds 1024 bytes');
});

t.test('the raw body can be kept', async (t) => {
  const { app } = build(t, { keepRawBody: true });
  let kept: Buffer | null = null;
  app.post('/raw', async (request) => {
    kept = request.rawBody;
    return request.body;
  });
  const payload = '{ "topic" :  "Bienen & Blüten" }';
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const response = await app.inject({ method: 'POST', url: '/raw', payload, headers });
  t.strictSame(response.json(), { topic: 'Bienen & Blüten' });
  t.equal(String(kept), payload);
  const poisoned = await app.inject({ method: 'POST', url: '/raw', payload: '{"__proto__":{}}', headers });
  t.match(poisoned.json(), { code: 'malformed_json' });
});

t.test('what Node refuses before a route has the shape of every problem', async (t) => {
  const { app } = build(t);
  app.get('/stream', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write('data: 1\n\n');
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const open = (bytes: string) => {
    const socket = connect(port, '127.0.0.1');
    const answer = { socket, text: '' };
    socket.on('data', (chunk) => {
      answer.text += chunk;
    });
    socket.write(bytes);
    return answer;
  };
  const send = async (bytes: string) => {
    const answer = open(bytes);
    await once(answer.socket, 'close');
    return answer.text;
  };
  const chunked =
    'POST /echo/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n';
  const cases: [name: string, bytes: string, status: number, code: string][] = [
    ['no HTTP', 'THIS IS NOT HTTP\r\n\r\n', 400, 'invalid_request'],
    ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400, 'invalid_request'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 'invalid_request'],
    ['an unknown method', 'FETCH / HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'invalid_request'],
    ['no host', 'GET /models/a HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'invalid_request'],
    ['two lengths', `${chunked}content-length: 5\r\n\r\n0\r\n\r\n`, 400, 'invalid_request'],
    ['a malformed chunk', `${chunked}\r\nzz\r\n`, 400, 'invalid_request'],
    ['a long chunk extension', `${chunked}\r\n1;${'x'.repeat(20_000)}\r\n`, 413, 'body_too_large'],
    [
      'a long header',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['a long URL', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'headers_too_large'],
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405, 'method_not_allowed'],
  ];
  for (const [name, bytes, status, code] of cases) {
    const [head = '', body = ''] = (await send(bytes)).split('\r\n\r\n');
    t.match(head, new RegExp(`^HTTP/1\\.1 ${status} `), name);
    t.match(head, /content-type: application\/problem\+json/i, name);
    const document = JSON.parse(body);
    t.match(document, { code, status, request_id: UUID_V7 }, name);
    t.match(head.toLowerCase(), `x-request-id: ${document.request_id}`, name);
    checkProblem('application/problem+json', document);
  }
  const expecting = 'GET /models/a HTTP/1.1\r\nhost: x\r\nexpect: a-miracle\r\nconnection: close\r\n\r\n';
  t.match(await send(expecting), /^HTTP\/1\.1 200 /, 'an unknown expectation is ignored');

  const stream = open('GET /stream HTTP/1.1\r\nhost: x\r\n\r\n');
  while (!stream.text.includes('data: 1')) await once(stream.socket, 'data');
  stream.socket.write('THIS IS NOT HTTP\r\n\r\n');
  await once(stream.socket, 'close');
  t.notMatch(
    stream.text,
    'invalid_request',
    'a response that has begun is cut, not continued with another one',
  );
});

t.test('a request that does not arrive in time is refused', async (t) => {
  const { app } = build(t, { config: testServiceConfig({ REQUEST_TIMEOUT: '100ms' }) });
  app.post('/echo-late', async () => 'never');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'POST /echo-late HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
  );
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'close');
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  t.match(head, /^HTTP\/1\.1 408 /);
  checkProblem('application/problem+json', JSON.parse(body));
  t.match(JSON.parse(body), { code: 'request_timeout', status: 408 });
});

t.test('a client disconnect is logged', async (t) => {
  // given a route that streams without end
  const { app, lines } = build(t);
  const completed = new Promise<void>((resolve) => {
    const { push } = lines;
    lines.push = (...entries) => {
      if (entries.some(({ msg }) => msg === 'request completed')) queueMicrotask(resolve);
      return push.apply(lines, entries);
    };
  });
  app.get('/stream', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
    reply.raw.write('data: 1\n\n');
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  // when the client leaves after the first event
  const controller = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/stream`, { signal: controller.signal });
  await response.body?.getReader().read();
  controller.abort();
  // then exactly one log line says so
  await completed;
  t.match(
    lines.filter(({ msg }) => msg === 'request completed'),
    [{ status: 499, route: '/stream' }],
  );
});

t.test('an overloaded service refuses with a problem', async (t) => {
  const { app } = build(t, {
    config: { ...config, eventLoopDelayLimitMs: 0.000_001 },
  });
  await app.ready();
  // the first sample of the event loop is taken after half a second; until then every request passes
  while (!app.isOverloaded()) await new Promise((resolve) => setImmediate(resolve));
  const response = await app.inject({ method: 'GET', url: '/models/a' });
  t.equal(response.statusCode, 503);
  t.match(response.json(), { code: 'overloaded' });
  t.equal(response.headers['retry-after'], '1');
});

t.test('a process that stood still for a whole interval is not overloaded', async (t) => {
  // given a process that stands still while the event loop is to be sampled
  const { app } = build(t, { config: { ...config, eventLoopDelayLimitMs: 60_000 } });
  await app.ready();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
  await setTimeout(1);
  // when it runs again, then it serves requests
  t.equal((await app.inject({ method: 'GET', url: '/models/a' })).statusCode, 200);
  t.notOk(isAbove(100, Number.POSITIVE_INFINITY), 'an interval without a sample says nothing');
  t.ok(isAbove(100, 101));
  t.notOk(isAbove(100, 100));
});
