/**
 * The generation service without the ledger, for this benchmark only: calls are priced, but not recorded.
 */
import { Agent } from 'undici';
import { createInternalIdentity } from '#libs/auth/internal-identity.ts';
import { loadConfig } from '#libs/config/config.ts';
import { processEnv } from '#libs/config/env.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import type { SettleAnswer } from '#libs/ledger/types.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { buildApp } from '#services/generation/app.ts';
import { configSchema, toGenerationConfig } from '#services/generation/config.ts';

const UNRECORDED: Promise<SettleAnswer> = Promise.resolve({
  outcome: 'settled',
  state: 'ok',
  overrun: false,
  late: false,
  limit: null,
});

const name = 'generation';
const variables = loadConfig(configSchema, processEnv());
const config = toGenerationConfig(variables);
const runtime = systemRuntime;
const logger = createLogger({ name, level: config.service.logLevel });
const metrics = createMetrics({ service: name });
const pool = createPool({
  connectionString: variables.DATABASE_URL,
  max: variables.DATABASE_POOL_SIZE,
  applicationName: 'bench-bare-generation',
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
});
const listener = createListener({
  connectionString: variables.DATABASE_URL,
  applicationName: 'bench-bare-generation-listen',
  onError: (error) => logger.warn({ err: error }, 'the listening connection broke'),
});
const dispatcher = new Agent({
  connections: variables.PROVIDER_CONNECTIONS,
  pipelining: 1,
  headersTimeout: 0,
  bodyTimeout: 0,
});

const { app } = buildApp({
  config,
  runtime,
  logger,
  metrics,
  pool,
  listener,
  identity: createInternalIdentity({
    service: name,
    keys: variables.INTERNAL_KEYS,
    now: runtime.clock.now,
  }),
  dispatcher,
  ledger: { ...createLedger({ pool }), settle: () => UNRECORDED, close: () => UNRECORDED },
});

await runService({
  name,
  config: config.service,
  logger,
  metrics,
  app,
  readiness: { database: () => pool.query('SELECT 1') },
  lifecycle: { closePools: () => Promise.all([listener.close(), pool.end(), dispatcher.close()]) },
});
