import t, { type Test } from 'tap';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { createOperationsServer, type ReadinessChecks } from './operations-server.ts';

const start = async (test: Test, readiness: ReadinessChecks) => {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'ops',
    level: 'info',
    destination: { write: (line) => lines.push(line) },
  });
  const metrics = createMetrics({ service: 'ops' });
  const operations = createOperationsServer({ name: 'ops', logger, metrics, readiness, checkTimeoutMs: 20 });
  const port = await operations.listen(0, '127.0.0.1');
  test.teardown(() => operations.close());
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { operations, metrics, get, lines };
};

t.test('health always answers 200, ready only while serving', async (t) => {
  const { operations, get } = await start(t, { database: async () => {} });
  t.strictSame(await get('/health'), { status: 200, text: '{"status":"ok","service":"ops"}' });
  t.equal((await get('/ready')).status, 503, 'not before the service listens');
  operations.setServing(true);
  const ready = await get('/ready?verbose');
  t.equal(ready.status, 200);
  t.strictSame(JSON.parse(ready.text), {
    status: 'ready',
    service: 'ops',
    serving: true,
    checks: { database: 'ok' },
  });
  operations.setServing(false);
  t.equal((await get('/ready')).status, 503, 'not during shutdown');
  t.equal((await get('/health')).status, 200);
  t.equal((await get('/other')).status, 404);
  t.equal((await get('/health', 'POST')).status, 404);
});

t.test('names the failed check in the response and the reason in the log only', async (t) => {
  const { operations, get, lines } = await start(t, {
    database: () => Promise.reject(new Error('no route to 10.0.0.1')),
    generation: () => new Promise(() => {}),
    billing: async () => {},
  });
  operations.setServing(true);
  const { status, text } = await get('/ready');
  t.equal(status, 503);
  t.match(JSON.parse(text).checks, { database: 'failed', generation: 'timeout', billing: 'ok' });
  t.notMatch(text, '10.0.0.1');
  t.match(lines.join(''), '10.0.0.1');
});

t.test('metrics are served in the Prometheus format', async (t) => {
  const { metrics, get } = await start(t, {});
  metrics.recordRequest('POST', '/v1/chat/completions', 200, 12);
  metrics.recordRequest('POST', '/v1/chat/completions', 429, 2);
  metrics.recordRefusal('limit_exceeded');
  metrics.recordHold('admitted', 0.4);
  metrics.recordSettle('settled', 0.4);
  metrics.recordProviderCall('openai', 'ok', 800);
  metrics.recordProviderRetry('openai');
  const { text } = await get('/metrics');
  for (const [name, labels, value] of [
    ['inkmeter_http_request_duration_seconds_count', ['route="/v1/chat/completions"', 'status="2xx"'], 1],
    ['inkmeter_http_request_duration_seconds_count', ['method="POST"', 'status="4xx"'], 1],
    ['inkmeter_refusals_total', ['code="limit_exceeded"'], 1],
    ['inkmeter_hold_duration_seconds_sum', ['outcome="admitted"'], 0.0004],
    ['inkmeter_settle_duration_seconds_count', ['outcome="settled"'], 1],
    ['inkmeter_provider_call_duration_seconds_sum', ['provider="openai"', 'outcome="ok"'], 0.8],
    ['inkmeter_provider_retries_total', ['provider="openai"'], 1],
  ] as const) {
    const line = text
      .split('\n')
      .find(
        (candidate) => candidate.startsWith(`${name}{`) && labels.every((label) => candidate.includes(label)),
      );
    t.match(line, 'service="ops"', name);
    t.equal(Number(line?.split(' ').at(-1)), value, name);
  }
  t.match(text, 'nodejs_eventloop_lag_seconds');
});
