import t from 'tap';
import { type Caller, INTERNAL_CONTEXT_HEADER, SERVICE_CALLER } from '#libs/contracts/internal-context.ts';
import { testIdentity, testServiceConfig } from '#libs/testing/service.ts';
import { createService, type ServiceApp } from './create-service.ts';
import { callerOf, requireInternalContext } from './internal-calls.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { systemRuntime } from './runtime.ts';

let nowMs = new Date('2026-11-20T12:00:00Z').getTime();
const clock = { ...systemRuntime.clock, now: () => new Date(nowMs) };
const caller: Caller = { ...SERVICE_CALLER, accountId: 'account-1', userId: 'user-1', role: 'owner' };
const signAs = (sender: 'gateway' | 'generation') => testIdentity(sender, clock).signFor('billing');

t.test('only signed calls of services are accepted', async (t) => {
  // given a service with an open scope and a closed one
  const lines: string[] = [];
  const app: ServiceApp = createService({
    config: testServiceConfig(),
    runtime: systemRuntime,
    logger: createLogger({
      name: 'inner',
      level: 'info',
      destination: { write: (line) => lines.push(line) },
    }),
    metrics: createMetrics({ service: 'inner', processMetrics: false }),
  });
  t.teardown(() => app.close());
  app.get('/open', async (request) => callerOf(request));
  app.register(async (scope) => {
    requireInternalContext(scope, testIdentity('billing', clock));
    scope.get('/closed', async (request) => callerOf(request).accountId);
    scope.get('/shared', { config: { senders: ['generation'] } }, async () => 'shared');
  });
  const get = (url: string, header?: string) =>
    app.inject({
      method: 'GET',
      url,
      headers: header === undefined ? {} : { [INTERNAL_CONTEXT_HEADER]: header },
    });
  const closed = { method: 'GET', path: '/closed' };
  const shared = { method: 'GET', path: '/shared' };

  // when the context is valid, then the caller is known, and logged
  const header = signAs('gateway')(closed, caller);
  t.equal((await get('/closed', header)).body, 'account-1');
  t.match(lines.at(-1), '"account":"account-1"');
  t.equal((await get('/shared', signAs('generation')(shared))).body, 'shared');

  // when it is not, then no handler runs
  const late = signAs('gateway')(closed, { ...caller, role: 'admin' });
  for (const [reason, url, bad] of [
    ['malformed', '/closed', 'forged'],
    ['bad_signature', '/closed', testIdentity('gateway', clock).signFor('generation')(closed, caller)],
    ['other_request', '/closed?x=1', header],
    ['other_request', '/shared', header],
    ['sender_not_allowed', '/closed', signAs('generation')(closed)],
    ['sender_not_allowed', '/shared', signAs('gateway')(shared, caller)],
    ['caller_not_allowed', '/shared', signAs('generation')(shared, caller)],
    ['expired', '/closed', late],
  ] as const) {
    if (reason === 'expired') nowMs += 60_000;
    lines.length = 0;
    t.match((await get(url, bad)).json(), { code: 'unauthenticated', status: 401 }, reason);
    t.match(lines.join(''), `"reason":"${reason}"`);
    t.notMatch(lines.join(''), bad);
  }
  t.equal((await get('/closed')).statusCode, 401);
  t.equal((await get('/open', header)).statusCode, 500, 'a forgotten guard fails closed');
});
