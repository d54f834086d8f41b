import type { Pool } from 'pg';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import type { SecretBox } from '#libs/auth/secret-box.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createDatabase } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { PublicHttp } from '#libs/http/public-http.ts';
import type { Task } from '#libs/jobs/task.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { CHANNELS, WEBHOOK_CHANNEL } from '#libs/outbox/deliveries.ts';
import { registerOutboxMetrics } from '#libs/outbox/metrics.ts';
import { receiverTasks } from '#libs/outbox/receiver-tasks.ts';
import { outboxTasks } from '#libs/outbox/tasks.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { EndpointPolicy } from '#libs/service/endpoint-url.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createStreamSlots } from '#libs/service/stream-slots.ts';
import type { ServiceConfig } from '#libs/service/variables.ts';
import type { Storage } from '#libs/storage/storage.ts';
import { alertTasks } from './alerts/jobs.ts';
import { alertChannels, alertPlugin, type OperatorAddresses, operatorChannels } from './alerts/plugin.ts';
import { dashboardPlugin } from './dashboard/plugin.ts';
import { eventTasks } from './events/jobs.ts';
import { eventPlugin } from './events/plugin.ts';
import { holdTasks } from './holds/jobs.ts';
import { jobTasks } from './jobs/jobs.ts';
import { jobPlugin } from './jobs/plugin.ts';
import { partitionTasks } from './partitions/jobs.ts';
import { archivePlugin } from './partitions/plugin.ts';
import { pricePlugin } from './prices/plugin.ts';
import { requestPlugin } from './requests/plugin.ts';
import { stopPlugin } from './stops/plugin.ts';
import { streamPlugin } from './stream/plugin.ts';
import { usageTasks } from './usage/jobs.ts';
import { usagePlugin } from './usage/plugin.ts';
import { webhookTasks } from './webhooks/jobs.ts';
import { webhookChannel, webhookPlugin, webhookTargets } from './webhooks/plugin.ts';

export type AppOptions = {
  config: ServiceConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  ledger: Ledger;
  listener: Pick<Listener, 'listen'>;
  identity: Pick<InternalIdentity, 'verify'>;
  /** Has billing create the balances of an account that has none. Rejects when billing cannot be reached. */
  ensureBalances: (accountId: string, requestId: string) => Promise<void>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans' | 'listen'>;
  /** For requests to addresses that customers choose. */
  http: Pick<PublicHttp, 'request'>;
  webhookPolicy: EndpointPolicy;
  /** Encrypts secrets of customers. */
  secretBox: SecretBox;
  operators: OperatorAddresses;
  /** For archived usage. */
  storage: Storage;
  /** Months of usage that stay in the database; null for all. */
  retentionMonths: number | null;
  sweepIntervalMs: number;
  sweepBatch: number;
};

export type BuiltApp = {
  app: ServiceApp;
  tasks: Task[];
  /** They make requests to servers of customers. */
  waitingTasks: Task[];
  jobs: PeriodicJob[];
};

export function buildApp(options: AppOptions): BuiltApp {
  const { config, runtime, logger, metrics, pool, ledger, identity, ensureBalances } = options;
  const { entitlements, http, operators, listener, storage, secretBox } = options;
  const { clock } = runtime;
  const database = createDatabase(pool);

  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true });
  requireInternalContext(app, identity);
  app.register(usagePlugin, { database, clock, ensureBalances });
  const slots = createStreamSlots({ database, runtime, logger });
  app.register(streamPlugin, { database, clock, ensureBalances, entitlements, listener, logger, slots });
  app.register(dashboardPlugin, { database, clock, ensureBalances, entitlements });
  app.register(requestPlugin, { database, ledger, runtime, registry: metrics.registry });
  app.register(archivePlugin, { database, storage });
  app.register(pricePlugin, { database, runtime, registry: metrics.registry });
  app.register(eventPlugin, { database, ledger, runtime });
  app.register(stopPlugin, { database, ledger, runtime });
  app.register(jobPlugin, { database, runtime });
  app.register(alertPlugin, { database, clock, entitlements, secretBox });
  app.register(webhookPlugin, { database, runtime, policy: options.webhookPolicy, entitlements, secretBox });

  const outbox = {
    database,
    channels: {
      ...CHANNELS,
      ...alertChannels({ database, http, operators, secretBox }),
      [WEBHOOK_CHANNEL]: webhookChannel({ database, http, runtime, secretBox }),
    },
    clock,
  };

  registerOutboxMetrics(metrics.registry, database);

  const tasks = [
    ...holdTasks({
      ledger,
      everySeconds: options.sweepIntervalMs / 1000,
      batch: options.sweepBatch,
      registry: metrics.registry,
    }),
    ...partitionTasks({ database, clock, storage, retentionMonths: options.retentionMonths }),
    ...usageTasks({ database }),
    ...eventTasks({ database, clock }),
    ...jobTasks({ database, clock }),
    ...alertTasks({
      database,
      runtime,
      operatorChannels: operatorChannels(operators),
      findTargets: webhookTargets,
      secretBox,
    }),
    ...webhookTasks({ database, secretBox }),
    ...outboxTasks(outbox),
  ];
  return { app, tasks, waitingTasks: receiverTasks(outbox), jobs: [slots.job] };
}
