import t from 'tap';
import { testServiceConfig } from '#libs/testing/service.ts';
import { createService } from './create-service.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { systemRuntime } from './runtime.ts';

const app = createService({
  config: testServiceConfig({ BODY_LIMIT: '4mb' }),
  runtime: systemRuntime,
  logger: createLogger({ name: 'test', level: 'silent' }),
  metrics: createMetrics({ service: 'test', processMetrics: false }),
});
app.post('/echo', async (request) => ({ type: typeof request.body }));
app.get('/echo', async () => ({}));
t.teardown(() => app.close());

async function post(payload: string | Buffer, type = 'application/json') {
  const answer = await app.inject({
    method: 'POST',
    url: '/echo',
    headers: { 'content-type': type },
    payload,
  });
  return answer.json().code ?? answer.statusCode;
}
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

t.test('given deep nesting or very many objects, then the body is refused before it is parsed', async (t) => {
  t.equal(await post(nested(64)), 200);
  t.equal(await post(nested(65)), 'invalid_request');
  t.equal(await post('{"a":'.repeat(65)), 'invalid_request', 'whether it is complete or not');
  t.equal(await post(`[${'{},'.repeat(19_998)}{}]`), 200);
  t.equal(await post(`[${'{},'.repeat(19_999)}{}]`), 'invalid_request');
  t.equal(await post(`[${'1,'.repeat(200_000)}1]`), 200, 'numbers are cheap');
  const started = performance.now();
  for (let count = 0; count < 20; count += 1) t.equal(await post(nested(1_000_000)), 'invalid_request');
  t.ok(performance.now() - started < 5_000, '20 bodies of 2 MB do not block for long');
});

t.test('given brackets and quotes in strings, then they do not count', async (t) => {
  t.equal(await post(JSON.stringify({ text: '['.repeat(100) })), 200);
  t.equal(await post(JSON.stringify({ text: `\\"${'{'.repeat(100)}\\` })), 200);
  t.equal(await post(JSON.stringify(['\\', '\\\\', '"', nested(100)])), 200);
  t.equal(await post(`"${'\\'.repeat(2_000_000)}"`), 200, 'an even number of backslashes');
  t.equal(await post(`"${'\\'.repeat(2_000_001)}"`), 'malformed_json', 'a string without an end');
});

t.test('given text that cannot be stored, then it is refused wherever it is', async (t) => {
  for (const body of ['"\\u0000"', '"\\ud800"', '["\\uDFFF"]', '{"a":[{"b":"x\\u0000"}]}', '{"\\ud83d":1}']) {
    t.equal(await post(body), 'invalid_request', body);
  }
  t.equal(await post('"\\ud83d\\ude00"'), 200, 'a pair');
  t.equal(await post('"\\\\u0000"'), 200, 'an escaped backslash');
  t.equal(await post('"\0"'), 'malformed_json');
  t.equal(await post('a\0b', 'text/plain'), 'invalid_request');
  t.equal(await post('ab', 'text/plain'), 200);
  for (const url of ['/echo?a=%00', '/echo?%00=1', '/%00']) {
    t.match((await app.inject({ method: 'GET', url })).json(), { code: 'invalid_request' }, url);
  }
  t.equal((await app.inject({ method: 'GET', url: '/echo?a=%2500' })).statusCode, 200);
});
