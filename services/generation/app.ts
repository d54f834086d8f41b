import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { findBrand } from '#libs/clients/account-brand.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createQuotaResources } from '#libs/clients/quota-resources.ts';
import { createDatabase } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import { createPublicHttp } from '#libs/http/public-http.ts';
import type { Task } from '#libs/jobs/task.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createStorage } from '#libs/storage/variables.ts';
import { audioPlugin } from './audio/plugin.ts';
import { autopilotTasks } from './autopilots/jobs.ts';
import { autopilotsPlugin } from './autopilots/plugin.ts';
import { callsPlugin } from './calls/plugin.ts';
import { chatPlugin } from './chat/plugin.ts';
import type { GenerationConfig } from './config.ts';
import { contentPlugin } from './content/plugin.ts';
import { contentInputsPlugin } from './content-inputs/plugin.ts';
import { documentTasks } from './documents/jobs.ts';
import { documentsPlugin } from './documents/plugin.ts';
import { embeddingsPlugin } from './embeddings/plugin.ts';
import { extractionPlugin } from './extraction/plugin.ts';
import { imagesPlugin } from './images/plugin.ts';
import { inboxTasks } from './inbox/jobs.ts';
import { inboxPlugin } from './inbox/plugin.ts';
import { instructionsPlugin } from './instructions/plugin.ts';
import { integrationTasks } from './integrations/jobs.ts';
import { createFindContact, integrationsPlugin } from './integrations/plugin.ts';
import { generationTasks } from './jobs/jobs.ts';
import { jobsPlugin } from './jobs/plugin.ts';
import { knowledgeBasePlugin } from './knowledge-base/plugin.ts';
import type { ReadMedia } from './media/domain.ts';
import { mediaTasks } from './media/jobs.ts';
import { mediaPlugin } from './media/plugin.ts';
import { moderationsPlugin } from './moderations/plugin.ts';
import { providerTasks } from './providers/jobs.ts';
import { providersPlugin } from './providers/plugin.ts';
import { createActiveRequests } from './requests/domain/active-requests.ts';
import { requestsPlugin } from './requests/plugin.ts';
import { searchPlugin } from './search/plugin.ts';
import { socialTasks } from './social/jobs.ts';
import { createPublisher, socialPlugin } from './social/plugin.ts';
import { spoolPlugin } from './spool/plugin.ts';
import { storedResponseTasks } from './stored-responses/jobs.ts';
import { storedResponsesPlugin } from './stored-responses/plugin.ts';

export type AppOptions = {
  config: GenerationConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  ledger: Ledger;
  listener: Listener;
  identity: Pick<InternalIdentity, 'verify'>;
  /** Connections to providers. */
  dispatcher: Dispatcher;
  /** Without entitlements, social publishing and the knowledge base are not served. */
  entitlements?: Pick<AccountEntitlements, 'get' | 'catalogueOf' | 'suggestPlans' | 'listen'>;
};

export type Generation = {
  app: ServiceApp;
  tasks: Task[];
  /** Ends the requests in progress, so that they are settled before the process ends. */
  endRequests: () => void;
  /** Resolves when no request is running, those included whose client has left. */
  requestsIdle: () => Promise<void>;
  /** Closes the connections of clients that still wait for a response. */
  dropClients: () => void;
  /** Conditions that operators must see although requests are served; empty if there is none. */
  conditions: () => Record<string, string>;
};

export function buildApp(options: AppOptions): Generation {
  const { config, runtime, logger, metrics, pool, ledger, listener, identity, dispatcher, entitlements } =
    options;
  const database = createDatabase(pool);
  const activeRequests = createActiveRequests({ drainTimeoutMs: config.drainTimeoutMs });
  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics,
    acceptRequestId: true,
  });
  requireInternalContext(app, identity);
  app.register(providersPlugin, { access: config.access, dispatcher, runtime });
  app.register(extractionPlugin);
  app.register(callsPlugin, { limits: config.calls, metrics, database, runtime });
  app.register(storedResponsesPlugin, { database, logger });
  app.register(spoolPlugin, { ...config.spool, ledger, now: runtime.clock.now, logger, metrics });
  app.register(requestsPlugin, {
    identity,
    newId: runtime.newId,
    activeRequests,
    deadlineMarginMs: config.deadlineMarginMs,
    bodyLimitBytes: config.service.bodyLimitBytes,
    isOverloaded: () => app.isOverloaded(),
    ...{ database, ledger, listener, logger, metrics },
  });
  const { bodyLimitBytes } = config.service;
  app.register(contentInputsPlugin, { database, clock: runtime.clock });
  const storage = createStorage(config.media);
  const media = { ...config.media, database, storage, runtime, ...(entitlements && { entitlements }) };
  app.register(mediaPlugin, media);
  app.register(jobsPlugin, {
    ...{ identity, database, ledger, listener, runtime, logger, metrics, activeRequests, bodyLimitBytes },
    newId: runtime.newId,
    deadlineMarginMs: config.deadlineMarginMs,
  });
  app.register(chatPlugin);
  app.register(documentsPlugin, {
    ...{ database, clock: runtime.clock },
    findBrand: async (accountId) => (entitlements ? findBrand(database, entitlements, accountId) : null),
  });
  app.register(contentPlugin, { clock: runtime.clock, metrics, bodyLimitBytes });
  app.register(imagesPlugin);
  app.register(embeddingsPlugin);
  app.register(moderationsPlugin);
  app.register(audioPlugin);
  app.register(searchPlugin);

  const tasks = [
    ...storedResponseTasks({ database }),
    ...mediaTasks(media),
    ...providerTasks({ access: config.access, database, dispatcher, clock: runtime.clock }),
    ...generationTasks(() => app.jobRunOptions),
  ];
  if (entitlements) {
    const publisher = createPublisher(config.socialPublisherUrl, dispatcher);
    const quotaResources = createQuotaResources({ ledger, entitlements, runtime });
    listenWhileRunning(app, entitlements);
    tasks.push(...documentTasks({ database, clock: runtime.clock, entitlements }));
    app.register(instructionsPlugin, { database, runtime, entitlements, quotaResources });
    const { encryptionKeys, ...addresses } = config.integrations;
    const http = createPublicHttp({ isAllowed: addresses.endpointPolicy.isAllowedAddress });
    app.addHook('onClose', () => http.close());
    const integrations = {
      ...{ database, runtime, clock: runtime.clock, entitlements, dispatcher, http, ...addresses },
      secretBox: createSecretBox(encryptionKeys),
      readMedia: (...file: Parameters<ReadMedia>) => app.readMedia(...file),
    };
    app.register(integrationsPlugin, integrations);
    tasks.push(...integrationTasks(integrations));
    app.register(knowledgeBasePlugin, { database, runtime, quotaResources });
    app.register(socialPlugin, { database, runtime, entitlements, quotaResources, publisher });
    tasks.push(...socialTasks({ database, clock: runtime.clock, publisher, quotaResources }));
    app.register(autopilotsPlugin, { database, runtime, entitlements });
    tasks.push(...autopilotTasks({ database, runtime, entitlements, quotaResources }));
    const findContact = createFindContact({ ...integrations, logger });
    app.register(inboxPlugin, { database, runtime, entitlements, findContact });
    tasks.push(...inboxTasks({ database, clock: runtime.clock, entitlements }));
  }

  return {
    app,
    tasks,
    endRequests: () => activeRequests.endAll('shutdown'),
    requestsIdle: activeRequests.idle,
    dropClients: () => app.server.closeAllConnections(),
    // A start that failed has no spool.
    conditions: () =>
      app.hasDecorator('spoolConditions') ? { ...app.spoolConditions(), ...app.callConditions() } : {},
  };
}

/** Keeps the cached entitlements current. */
function listenWhileRunning(app: ServiceApp, entitlements: Pick<AccountEntitlements, 'listen'>): void {
  let stopListening = () => {};
  app.addHook('onReady', async () => {
    stopListening = await entitlements.listen();
  });
  app.addHook('onClose', () => stopListening());
}
