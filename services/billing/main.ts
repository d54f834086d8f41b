import { createContextSigner } from '#libs/auth/internal-context.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { createPool } from '#libs/db/pool.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { runService } from '#libs/service/run-service.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { toServiceConfig } from '#libs/service/variables.ts';
import { buildApp, buildJobs } from './app.ts';
import { configSchema } from './config.ts';
import { createManualPayments } from './payments/manual/driver.ts';

const name = 'billing';
loadDotEnv();
const variables = loadConfig(configSchema, processEnv());
const config = toServiceConfig(variables);
const runtime = systemRuntime;
const logger = createLogger({ name, level: config.logLevel });
const metrics = createMetrics({ service: name });
const pool = createPool({
  connectionString: variables.DATABASE_URL,
  max: variables.DATABASE_POOL_SIZE,
  applicationName: `inkmeter-${name}`,
  statementTimeoutMs: variables.STATEMENT_TIMEOUT,
  onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
});
const signer = createContextSigner({ secrets: variables.INTERNAL_SECRETS, now: runtime.clock.now });
const paymentTerms = {
  payments: createManualPayments(variables.PAYMENT_INSTRUCTIONS),
  graceDays: variables.PAYMENT_GRACE_DAYS,
  requestDays: variables.PAYMENT_REQUEST_DAYS,
};
const jobs = buildJobs({
  runtime,
  logger,
  metrics,
  pool,
  paymentTerms,
  renewalIntervalMs: variables.RENEWAL_INTERVAL,
  reminderIntervalMs: variables.REMINDER_INTERVAL,
});

await runService({
  name,
  config,
  logger,
  metrics,
  app: buildApp({ config, runtime, logger, metrics, pool, signer, paymentTerms }),
  readiness: { database: () => pool.query('SELECT 1') },
  lifecycle: {
    startJobs: () => {
      for (const job of jobs) job.start();
    },
    stopJobs: () => Promise.all(jobs.map((job) => job.stop())),
    closePools: () => pool.end(),
  },
});
