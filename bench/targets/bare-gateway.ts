/**
 * The gateway without metering, for this benchmark only: it authenticates, validates, and forwards with one fixed plan,
 * without entitlements, prices, holds and cost headers.
 */
import { createInternalIdentity } from '#libs/auth/internal-identity.ts';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { buildApp } from '#services/gateway/app.ts';
import { configSchema, toGatewayConfig } from '#services/gateway/config.ts';
import { createForward } from '#services/gateway/metering/forward.ts';
import { CHAT_PLAN } from '../chat-plan.ts';

const name = 'gateway';
const variables = loadConfig(configSchema, processEnv());
const config = toGatewayConfig(variables);
const runtime = systemRuntime;
const { now } = runtime.clock;
const logger = createLogger({ name, level: config.service.logLevel });
const metrics = createMetrics({ service: name });
const pool = createPool({
  connectionString: variables.DATABASE_URL,
  max: variables.DATABASE_POOL_SIZE,
  applicationName: 'bench-bare-gateway',
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
});
const listener = createListener({
  connectionString: variables.DATABASE_URL,
  applicationName: 'bench-bare-gateway-listen',
  onError: (error) => logger.warn({ err: error }, 'the listening connection broke'),
});
const identity = createInternalIdentity({ service: name, keys: variables.INTERNAL_KEYS, now });
const pools = variables.GENERATION_URLS.map((url) => createServicePool(url));
const forward = createForward({ pools, sign: identity.signFor('generation') });

const { app } = await buildApp({
  config,
  runtime,
  logger,
  metrics,
  pool,
  listener,
  setKeyLimits: async () => undefined,
});

serveOperation(app, createChatCompletion, async (request, reply) => {
  await forward({
    head: {
      requestId: request.id,
      caller: request.caller,
      plan: CHAT_PLAN,
      holdExpiresAtMs: now().getTime() + variables.HOLD_TTL,
      storeResponse: false,
    },
    planJson: JSON.stringify(CHAT_PLAN),
    body: request.rawBody ?? Buffer.alloc(0),
    response: reply.raw,
    onBegin: () => reply.hijack(),
    responseHeaders: reply.getHeaders() as Record<string, string>,
  });
  return reply;
});

await runService({
  name,
  config: config.service,
  logger,
  metrics,
  app,
  readiness: { database: () => pool.query('SELECT 1') },
  lifecycle: {
    closePools: () => Promise.all([listener.close(), pool.end(), ...pools.map((one) => one.close())]),
  },
});
