import t from 'tap';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { INTERNAL_CONTEXT_HEADER, type InternalContext } from '#libs/contracts/internal-context.ts';
import { testServiceConfig } from '#libs/testing/service.ts';
import { createService, type ServiceApp } from './create-service.ts';
import { callerOf, internalContextOf, requireInternalContext } from './internal-calls.ts';
import { createLogger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { systemRuntime } from './runtime.ts';

const now = () => new Date('2026-11-20T12:00:00Z');
const signer = createContextSigner({ secrets: ['s'.repeat(40)], now });
const context: InternalContext = {
  caller: {
    accountId: 'account-1',
    userId: 'user-1',
    keyId: null,
    workspaceId: null,
    role: 'owner',
    platformRole: 'none',
    scopes: ['*'],
  },
  requestId: 'request-1',
  exp: now().getTime() / 1000 + 60,
};

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
    requireInternalContext(scope, signer);
    scope.get('/closed', async (request) => [
      callerOf(request).accountId,
      internalContextOf(request).requestId,
    ]);
  });
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url, headers });

  // when the context is valid, then the caller is known, and logged
  const header = signer.sign(context);
  const good = await get('/closed', { [INTERNAL_CONTEXT_HEADER]: header });
  t.strictSame(good.json(), ['account-1', 'request-1']);
  t.match(lines.at(-1), '"account":"account-1"');

  // when it is not, then no handler runs
  const unknown = createContextSigner({ secrets: ['x'.repeat(40)], now });
  const late = signer.sign({ ...context, exp: now().getTime() / 1000 - 1 });
  for (const [reason, bad] of [
    ['malformed', 'forged'],
    ['bad_signature', unknown.sign(context)],
    ['expired', late],
  ] as const) {
    const refused = await get('/closed', { [INTERNAL_CONTEXT_HEADER]: bad });
    t.match(refused.json(), { code: 'unauthenticated', status: 401 }, reason);
    t.match(lines.join(''), `"reason":"${reason}"`);
  }
  t.equal((await get('/closed')).statusCode, 401);
  t.equal(
    (await get('/open', { [INTERNAL_CONTEXT_HEADER]: header })).statusCode,
    500,
    'a forgotten guard fails closed',
  );
  t.notMatch(lines.join(''), header);
});
