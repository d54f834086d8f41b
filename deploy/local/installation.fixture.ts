/**
 * All four services in one process with real PostgreSQL, real HTTP and the provider simulator: the system of
 * `npm start`, started fast enough for a test of one catalogue. Each service connects with its own database role.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Pool } from 'pg';
import { Agent } from 'undici';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { createAccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createInternalClient } from '#libs/clients/internal-client.ts';
import { loadConfig } from '#libs/config/config.ts';
import { entitlementsPath } from '#libs/contracts/entitlements.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { isPublicAddress } from '#libs/http/public-address.ts';
import { createPublicHttp, type PublicHttpOptions } from '#libs/http/public-http.ts';
import { createServicePool } from '#libs/http/service-pool.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { toServiceConfig } from '#libs/service/variables.ts';
import { type ProviderSimulator, startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { createLocalStorage } from '#libs/storage/local-storage.ts';
import type { Storage } from '#libs/storage/storage.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { type HttpResponse, listenOnFreePort, request } from '#libs/testing/http.ts';
import { INTERNAL_KEYS_TEXT, testIdentity } from '#libs/testing/service.ts';
import { buildApp as buildBilling } from '#services/billing/app.ts';
import { configSchema as billingSchema, toPaymentTerms } from '#services/billing/config.ts';
import { ensureStaffUser } from '#services/gateway/accounts/demo-account.ts';
import { createSetKeyLimits } from '#services/gateway/api-keys/key-limits.ts';
import { buildApp as buildGateway } from '#services/gateway/app.ts';
import { configSchema as gatewaySchema, toGatewayConfig } from '#services/gateway/config.ts';
import { buildApp as buildGeneration } from '#services/generation/app.ts';
import { configSchema as generationSchema, toGenerationConfig } from '#services/generation/config.ts';
import { buildApp as buildUsageMetering } from '#services/usage-metering/app.ts';
import { configSchema as meteringSchema } from '#services/usage-metering/config.ts';
import { bootstrap, cataloguePathOf, defaultPricesPath } from './bootstrap.ts';
import { chooseProviders } from './providers.ts';

const PASSWORD = 'a password of tests';
const STAFF = 'staff@example.com';
const HOLD_TTL_MS = 60_000;

// biome-ignore lint/suspicious/noExplicitAny: tests assert what they expect of a body
export type Answer = HttpResponse<any>;

/** A user with an account and an access token. */
export type Customer = { accountId: string; token: string };

export type Installation = {
  url: string;
  simulator: ProviderSimulator;
  /** Connected as the database's owner. */
  pool: Pool;
  databaseUrl: string;
  /** Where usage-metering keeps archives. */
  storage: Storage;
  /** Sends a request; with a body, as JSON and POST. @param credential an access token or an API key. */
  /** An access token of platform staff with the role `admin`. */
  staffToken: string;
  call: (
    path: string,
    credential: string | null,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<Answer>;
  /** Registers a user on the given plan, or on the default one. */
  customer: (plan?: string) => Promise<Customer>;
  /** The tasks of the gateway, which no worker runs. */
  gatewayTasks: readonly Task[];
  /** An API key of the user with all scopes. */
  keyOf: (customer: Customer) => Promise<string>;
};

function mediaFolder(t: TestScope): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-media-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * @param gatewayVariables of the gateway's configuration, in addition to those of every test.
 * @param linkedMedia where URLs in prompts may lead; the public internet unless given.
 */
export async function startInstallation(
  t: TestScope,
  catalogue: string,
  gatewayVariables: Readonly<Record<string, string>> = {},
  linkedMedia?: PublicHttpOptions,
): Promise<Installation> {
  const database = await createTestDatabase(t);
  await bootstrap({
    databaseUrl: database.url,
    cataloguePath: cataloguePathOf(catalogue),
    pricesPath: defaultPricesPath,
    log: () => undefined,
  });
  await ensureStaffUser(createDatabase(database.pool), systemRuntime, {
    email: STAFF,
    password: PASSWORD,
    platformRole: 'admin',
  });
  const simulator = await startProviderSimulator();
  t.teardown(() => simulator.close());

  const variables = (service: ServiceName) => ({
    DATABASE_URL: database.serviceUrl(service),
    INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
    ENCRYPTION_KEYS: 'k'.repeat(43),
    EVENT_LOOP_DELAY_LIMIT: '0ms',
  });
  const base = (service: ServiceName) => {
    const pool = createPool({
      connectionString: database.serviceUrl(service),
      max: 6,
      applicationName: `test-${service}`,
      statementTimeoutMs: 30_000,
    });
    t.teardown(() => pool.end());
    return {
      runtime: systemRuntime,
      logger: createLogger({ name: service, level: 'silent' }),
      metrics: createMetrics({ service, processMetrics: false }),
      pool,
      identity: testIdentity(service, systemRuntime.clock),
    };
  };
  const listenerFor = (service: ServiceName) => {
    const listener = createListener({
      connectionString: database.serviceUrl(service),
      applicationName: `test-${service}-listen`,
    });
    t.teardown(() => listener.close());
    return listener;
  };
  const connectTo = (sender: ServiceName, receiver: ServiceName, url: string) => {
    const pool = createServicePool(url);
    t.teardown(() => pool.destroy());
    return {
      url,
      pool,
      client: createInternalClient({
        pool,
        sign: testIdentity(sender, systemRuntime.clock).signFor(receiver),
      }),
    };
  };

  const billingVariables = loadConfig(billingSchema, variables('billing'));
  const billing = connectTo(
    'gateway',
    'billing',
    await listenOnFreePort(
      t,
      buildBilling({
        ...base('billing'),
        config: toServiceConfig(billingVariables),
        paymentTerms: toPaymentTerms(billingVariables),
        renewalIntervalSeconds: 30,
        reminderIntervalSeconds: 300,
      }).app,
    ),
  );

  const meteringToBilling = connectTo('usage-metering', 'billing', billing.url);
  const metering = base('usage-metering');
  const storage = createLocalStorage(mediaFolder(t));
  const meteringListener = listenerFor('usage-metering');
  const publicHttp = createPublicHttp();
  t.teardown(() => publicHttp.close());
  const meteringVariables = loadConfig(meteringSchema, variables('usage-metering'));
  const usageMetering = connectTo(
    'gateway',
    'usage-metering',
    await listenOnFreePort(
      t,
      buildUsageMetering({
        ...metering,
        config: toServiceConfig(meteringVariables),
        ledger: createLedger({ pool: metering.pool }),
        listener: meteringListener,
        entitlements: createAccountEntitlements({
          billing: meteringToBilling.client,
          listener: meteringListener,
          runtime: systemRuntime,
        }),
        http: publicHttp,
        secretBox: createSecretBox(meteringVariables.ENCRYPTION_KEYS),
        webhookPolicy: { isAllowedAddress: isPublicAddress, allowsHttp: false },
        operators: { slackUrl: undefined, sentry: undefined },
        sweepIntervalMs: meteringVariables.SWEEP_INTERVAL,
        storage,
        retentionMonths: null,
        sweepBatch: meteringVariables.SWEEP_BATCH,
        ensureBalances: async (accountId, requestId) => {
          await meteringToBilling.client.call({
            method: 'GET',
            path: entitlementsPath(accountId),
            requestId,
          });
        },
      }).app,
    ),
  );

  const generation = await startGeneration();
  async function startGeneration() {
    const { env } = chooseProviders({}, simulator.url);
    const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
    t.teardown(() => dispatcher.destroy());
    const service = base('generation');
    const listener = listenerFor('generation');
    const { client } = connectTo('generation', 'billing', billing.url);
    const { app, tasks } = buildGeneration({
      ...service,
      config: toGenerationConfig(
        loadConfig(generationSchema, { ...variables('generation'), ...env, MEDIA_DIR: mediaFolder(t) }),
      ),
      ledger: createLedger({ pool: service.pool }),
      listener,
      dispatcher,
      entitlements: createAccountEntitlements({ billing: client, listener, runtime: systemRuntime }),
    });
    const address = await listenOnFreePort(t, app);
    // The steps of content jobs run from the queue.
    createTestJobs(t, database.url, tasks, { concurrency: 8 }).jobs.start();
    return connectTo('gateway', 'generation', address);
  }

  const { privateKey } = generateKeyPairSync('ed25519');
  const gatewayBase = base('gateway');
  const gateway = await buildGateway({
    ...gatewayBase,
    config: toGatewayConfig(
      loadConfig(gatewaySchema, {
        ...variables('gateway'),
        JWT_KEYS: JSON.stringify([{ ...privateKey.export({ format: 'jwk' }), kid: 'test' }]),
        RATE_LIMIT_PER_CALLER: '0',
        EMAIL_VERIFICATION: 'off',
        RATE_LIMIT_SIGN_INS: '0',
        RATE_LIMIT_SIGN_UPS: '0',
        RATE_LIMIT_SIGN_UPS_PER_DOMAIN: '0',
        RATE_LIMIT_PASSWORDS: '0',
        ...gatewayVariables,
      }),
    ),
    listener: listenerFor('gateway'),
    ...(linkedMedia && { linkedMedia }),
    setKeyLimits: createSetKeyLimits(billing.client),
    backends: {
      ledgerPool: gatewayBase.pool,
      signFor: testIdentity('gateway', systemRuntime.clock).signFor,
      billing: billing.client,
      billingPool: billing.pool,
      usageMetering: usageMetering.client,
      usageMeteringPool: usageMetering.pool,
      generation: { clients: [generation.client], pools: [generation.pool] },
      holdTtlMs: HOLD_TTL_MS,
    },
  });
  const url = await listenOnFreePort(t, gateway.app);
  await gateway.ready();

  const call: Installation['call'] = (path, credential, body, headers = {}) =>
    request(`${url}${path}`, {
      headers: { ...(credential !== null && { authorization: `Bearer ${credential}` }), ...headers },
      ...(body !== undefined && { body }),
    });
  const { body: staff } = await call('/api/auth/login', null, { email: STAFF, password: PASSWORD });
  let customers = 0;
  return {
    url,
    simulator,
    pool: database.pool,
    databaseUrl: database.url,
    storage,
    staffToken: staff.access_token,
    gatewayTasks: gateway.tasks,
    call,
    async customer(plan) {
      customers += 1;
      const signUp = { email: `customer-${customers}@example.com`, password: PASSWORD, name: 'Customer' };
      const { body } = await call('/api/auth/register', null, signUp);
      const me = await call('/api/me', body.access_token);
      const accountId = me.body.account.id;
      if (plan !== undefined) {
        const assignment = { account_id: accountId, plan, reason: 'For a test.' };
        const { status } = await call('/api/plans/assign', staff.access_token, assignment);
        if (status !== 200) throw new Error(`The plan ${plan} could not be assigned: ${status}`);
      }
      return { accountId, token: body.access_token };
    },
    async keyOf({ token }) {
      const { body } = await call('/api/api-keys', token, { name: 'Test', scopes: ['*'] });
      return body.key;
    },
  };
}
