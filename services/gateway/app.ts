import type { Pool } from 'pg';
import type { Dispatcher } from 'undici';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import { type AccountEntitlements, createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { createQuotaResources } from '#libs/clients/quota-resources.ts';
import { createDatabase, type Tx } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { PublicHttpOptions } from '#libs/http/public-http.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import type { SendMail } from '#libs/mail/transport.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { PeriodicJob } from '#libs/service/periodic-job.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createStreamSlots } from '#libs/service/stream-slots.ts';
import { accountsPlugin } from './accounts/plugin.ts';
import type { SetKeyLimits } from './api-keys/domain.ts';
import { apiKeysPlugin, createSetKeyLimits } from './api-keys/plugin.ts';
import { audioPlugin } from './audio/plugin.ts';
import { authTasks, createKeyUse, mailTask } from './auth/jobs.ts';
import { authPlugin, requestInvitationMail, requestMail } from './auth/plugin.ts';
import { autopilotTasks } from './autopilots/jobs.ts';
import { bodyLimitsPlugin } from './body-limits/plugin.ts';
import { brandingPlugin, createBrands } from './branding/plugin.ts';
import { browserHeadersPlugin } from './browser-headers/plugin.ts';
import { chatPlugin } from './chat/plugin.ts';
import { completionsPlugin } from './completions/plugin.ts';
import type { GatewayConfig } from './config.ts';
import { contentPlugin } from './content/plugin.ts';
import { describeMissingRoute, errorFormatFor } from './docs/domain.ts';
import { docsPlugin } from './docs/plugin.ts';
import { embeddingsPlugin } from './embeddings/plugin.ts';
import { geminiPlugin } from './gemini/plugin.ts';
import { holdsPlugin } from './holds/plugin.ts';
import { idempotencyTasks } from './idempotency/jobs.ts';
import { idempotencyPlugin } from './idempotency/plugin.ts';
import { imagesPlugin } from './images/plugin.ts';
import { linkedMediaPlugin } from './linked-media/plugin.ts';
import { seatOwner, seatsOf } from './members/domain.ts';
import { memberTasks } from './members/jobs.ts';
import { membersPlugin, prepareInvitationMail } from './members/plugin.ts';
import { messagesPlugin } from './messages/plugin.ts';
import { meteringPlugin } from './metering/plugin.ts';
import { modelsPlugin } from './models/plugin.ts';
import { moderationsPlugin } from './moderations/plugin.ts';
import { OPERATIONS } from './openapi/domain.ts';
import { pricesPlugin } from './prices/plugin.ts';
import { proxyPlugin } from './proxy/plugin.ts';
import { rateLimitTasks } from './rate-limits/jobs.ts';
import { rateLimitsPlugin } from './rate-limits/plugin.ts';
import { responseTasks } from './responses/jobs.ts';
import { responsesPlugin } from './responses/plugin.ts';
import { searchPlugin } from './search/plugin.ts';
import type { SetEndUserLimits } from './session-tokens/domain.ts';
import { sessionTokenTasks } from './session-tokens/jobs.ts';
import { createSetEndUserLimits, sessionTokensPlugin } from './session-tokens/plugin.ts';
import { stripeWebhooksPlugin } from './stripe-webhooks/plugin.ts';
import { workspacesPlugin } from './workspaces/plugin.ts';

export type AppDependencies = {
  config: GatewayConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  listener: Listener;
  /** Billing, unless given. */
  setKeyLimits?: SetKeyLimits;
  /** Billing, unless given. */
  setEndUserLimits?: SetEndUserLimits;
  /** Sends mails; they are only logged without it. */
  sendMail?: SendMail;
  /** The services behind the gateway. Without them it serves identity only. */
  backends?: Backends;
  /** Read from billing, unless given. */
  entitlements?: AccountEntitlements;
  /** How URLs in prompts are fetched: from the public internet, unless given. */
  linkedMedia?: PublicHttpOptions;
};

export type Backends = {
  signFor: InternalIdentity['signFor'];
  billing: InternalClient;
  billingPool: Dispatcher;
  usageMetering: InternalClient;
  usageMeteringPool: Dispatcher;
  /** Each list has one member for each generation address. */
  generation: { clients: readonly InternalClient[]; pools: readonly Dispatcher[] };
  /** Connections for the ledger alone, so that holds never wait for other queries. */
  ledgerPool: Pool;
  holdTtlMs: number;
};

const noBilling = async () => {
  throw meteringUnavailable(new Error('Billing is not configured.'));
};

const NO_ENTITLEMENTS: AccountEntitlements = {
  get: noBilling,
  catalogueOf: async () => undefined,
  suggestPlans: async () => undefined,
  listen: async () => () => {},
};

export type Gateway = {
  app: ServiceApp;
  jobs: PeriodicJob[];
  tasks: Task[];
  /** Rejects while metered requests cannot be served. */
  ready: () => Promise<void>;
  /** Resolves when every hold has been answered. */
  idle: () => Promise<void>;
};

/** Builds the shared parts and registers the features. The app does not listen yet. */
export async function buildApp(dependencies: AppDependencies): Promise<Gateway> {
  const { config, runtime, logger, metrics, backends, pool, listener } = dependencies;
  const { now } = runtime.clock;
  const app = createService({
    config: config.service,
    runtime,
    logger,
    metrics,
    keepRawBody: true,
    errorFormatFor,
    describeMissing: describeMissingRoute,
    trustProxy: config.trustProxy.length === 0 ? false : config.trustProxy,
  });
  // Only JSON is accepted: a text body gets 415 instead of a complaint about malformed JSON.
  app.removeContentTypeParser('text/plain');

  const database = createDatabase(pool);
  const ledger = createLedger({ pool: backends?.ledgerPool ?? pool });
  const entitlements =
    dependencies.entitlements ??
    (backends ? createAccountEntitlements({ ...backends, listener, runtime }) : NO_ENTITLEMENTS);
  let stopListening = () => {};
  app.addHook('onReady', async () => {
    stopListening = await entitlements.listen();
  });
  app.addHook('onClose', () => stopListening());
  const quotaResources = createQuotaResources({ ledger, entitlements, runtime });

  await app.register(browserHeadersPlugin, { corsOrigins: config.corsOrigins });
  const keyUse = createKeyUse({ database, clock: runtime.clock, logger });
  await app.register(authPlugin, { config, database, runtime, listener, keyUse });
  const streamSlots = createStreamSlots({ database, runtime, logger });
  await app.register(rateLimitsPlugin, {
    ...{ limits: config.rateLimits, database, streamSlots, logger, valkeyUrl: config.valkeyUrl },
  });
  await app.register(bodyLimitsPlugin, {
    budgetBytes: config.mediaBodyBudgetBytes,
    uploadBudgetBytes: config.uploadBudgetBytes,
  });
  await app.register(idempotencyPlugin, {
    ...{ database, now, logger },
    generation: backends?.generation.clients ?? [],
  });
  await app.register(docsPlugin);
  await app.register(accountsPlugin, { database, runtime });
  const requestVerification = async (tx: Tx, email: string) => {
    if (config.requiresVerification) await requestMail(tx, runtime, 'sign_up', email);
  };
  const readSeats = async (accountId: string) => {
    // Also creates the balances of a new account.
    await entitlements.get(accountId);
    const usage = await readLimits({ $client: pool }, now(), seatOwner(accountId)).catch((error: unknown) => {
      throw meteringUnavailable(error);
    });
    return seatsOf(usage?.limits ?? []);
  };
  await app.register(membersPlugin, {
    ...{ database, runtime, quotaResources, requestVerification, readSeats },
    requestInvitationMail: (tx, invitationId) => requestInvitationMail(tx, runtime, invitationId),
  });
  await app.register(brandingPlugin, { database, runtime, entitlements });
  await app.register(workspacesPlugin, { database, runtime, quotaResources });
  const setKeyLimits =
    dependencies.setKeyLimits ?? (backends ? createSetKeyLimits(backends.billing) : noBilling);
  await app.register(apiKeysPlugin, { database, runtime, setKeyLimits });
  const setEndUserLimits =
    dependencies.setEndUserLimits ?? (backends ? createSetEndUserLimits(backends.billing) : noBilling);
  await app.register(sessionTokensPlugin, { database, runtime, setEndUserLimits });
  const jobs = [keyUse.job, streamSlots.job];
  const tasks = [
    authTasks,
    sessionTokenTasks,
    memberTasks,
    idempotencyTasks,
    rateLimitTasks,
    responseTasks,
  ].flatMap((create) => create({ database, now }));
  const { sendMail: send } = dependencies;
  const { appUrl } = config.mail;
  const { ofAccount: brandOfAccount, ofUser: brandOfUser } = createBrands(database, entitlements);
  const prepareInvitation = (invitationId: string) =>
    prepareInvitationMail(database, runtime.clock, { invitationId, appUrl, brandOfAccount });
  tasks.push(
    mailTask({
      ...{ database, runtime, send, appUrl, prepareInvitation, entitlements },
      ...{ brandOfAccount, brandOfUser },
    }),
  );
  if (backends === undefined) return { app, jobs, tasks, ready: async () => {}, idle: ledger.idle };

  const { signFor, usageMetering, generation, holdTtlMs } = backends;
  const signForGeneration = signFor('generation');
  await app.register(pricesPlugin, { usageMetering, listener, runtime, logger });
  await app.register(meteringPlugin, {
    ledger,
    now,
    entitlements,
    readLimits: (query) => readLimits({ $client: pool }, now(), query),
    database,
    metrics,
    generationPools: generation.pools,
    sign: signForGeneration,
    holdTtlMs,
  });
  const { priceBook, metering } = app;
  const { readLimits: limitsOf, planRateLimiter, findStopNotice } = metering;
  await app.register(holdsPlugin, {
    ...{ database, ledger, entitlements, runtime, priceBook, planRateLimiter, findStopNotice },
    readLimits: limitsOf,
  });
  await app.register(linkedMediaPlugin, {
    budgetBytes: config.mediaBodyBudgetBytes,
    ...(dependencies.linkedMedia && { http: dependencies.linkedMedia }),
  });
  await app.register(chatPlugin);
  await app.register(messagesPlugin);
  await app.register(responsesPlugin, { database, now });
  await app.register(completionsPlugin);
  await app.register(geminiPlugin);
  await app.register(contentPlugin, {
    generation: generation.clients,
    searchProviders: config.searchProviders,
  });
  tasks.push(
    ...autopilotTasks({
      ...{ database, runtime, metering },
      generation: generation.clients,
      searchProviders: config.searchProviders,
    }),
  );
  await app.register(imagesPlugin, { now });
  await app.register(embeddingsPlugin);
  await app.register(moderationsPlugin);
  await app.register(audioPlugin, { generation: generation.clients });
  await app.register(searchPlugin, { providers: config.searchProviders });
  await app.register(modelsPlugin);
  const proxied = [
    {
      operations: OPERATIONS.usageMetering,
      pools: [backends.usageMeteringPool],
      sign: signFor('usage-metering'),
    },
    { operations: OPERATIONS.billing, pools: [backends.billingPool], sign: signFor('billing') },
    { operations: OPERATIONS.generation, pools: generation.pools, sign: signForGeneration },
  ];
  for (const service of proxied) await app.register(proxyPlugin, service);
  await app.register(stripeWebhooksPlugin, {
    ...{ logger, metrics, newId: runtime.newId },
    pools: [backends.billingPool],
    sign: signFor('billing'),
  });
  return { app, jobs, tasks, ready: app.priceBook.ready, idle: ledger.idle };
}
