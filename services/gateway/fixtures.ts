/** A whole gateway for tests: real PostgreSQL, real notifications, a fake clock. */
import { generateKeyPairSync } from 'node:crypto';
import { Writable } from 'node:stream';
import type { Pool } from 'pg';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { loadConfig } from '#libs/config/config.ts';
import type { TokenPair } from '#libs/contracts/identity.ts';
import { createListener, type Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL } from '#libs/db/notify.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import type { SendMail } from '#libs/mail/transport.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createTestDatabase, type TestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime, type FakeClock } from '#libs/testing/runtime.ts';
import { createTestCall, INTERNAL_KEYS_TEXT, type TestCall } from '#libs/testing/service.ts';
import type { SetKeyLimits } from './api-keys/domain.ts';
import { buildApp, type Gateway } from './app.ts';
import { configSchema, toGatewayConfig } from './config.ts';
import type { SetEndUserLimits } from './session-tokens/domain.ts';

export const TEST_PASSWORD = 'a password of tests';

export function privateJwk(type: 'ed25519' | 'P-256', kid?: string): Record<string, string> {
  const { privateKey } =
    type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: type });
  return { ...(privateKey.export({ format: 'jwk' }) as Record<string, string>), ...(kid && { kid }) };
}

export const TEST_JWK = privateJwk('ed25519', 'test-1');

export type TestGateway = Gateway & {
  database: TestDatabase;
  clock: FakeClock;
  newId: () => string;
  /** Everything logged so far. */
  log: () => string;
  /** Runs a scheduled task once. */
  runTask: (name: string, payload?: object) => Promise<void>;
  /** Resolves when the next notification of a change has been received and handled. */
  nextChange: () => Promise<string>;
  /** `as` is an access token or an API key. */
  call: TestCall<string>;
};

let lastGroup = 0;

export async function createTestGateway(
  t: TestScope,
  options: {
    /** Another gateway, to share its database and clock. */
    sharedWith?: TestGateway;
    variables?: Record<string, string>;
    setKeyLimits?: SetKeyLimits;
    setEndUserLimits?: SetEndUserLimits;
    sendMail?: SendMail;
    listener?: Listener;
    /** Total limits of each account by meter; unlimited unless given. */
    limits?: Record<string, bigint>;
    /** Features that the plan of every account lacks now; none unless given. */
    missingFeatures?: () => readonly string[];
    /** Further routes, to test hooks that run before every route. */
    addRoutes?: (app: ServiceApp, shared: { pool: Pool; runtime: Runtime & { clock: FakeClock } }) => void;
  } = {},
): Promise<TestGateway> {
  const { sharedWith, variables = {}, limits = {}, setKeyLimits = async () => {} } = options;
  const { setEndUserLimits = async () => {} } = options;
  const database = sharedWith?.database ?? (await createTestDatabase(t));
  const config = toGatewayConfig(
    loadConfig(configSchema, {
      DATABASE_URL: database.url,
      INTERNAL_KEYS: INTERNAL_KEYS_TEXT,
      JWT_KEYS: JSON.stringify([TEST_JWK]),
      LOG_LEVEL: 'info',
      EMAIL_VERIFICATION: 'off',
      RATE_LIMIT_SIGN_INS: '0',
      RATE_LIMIT_SIGN_UPS: '0',
      RATE_LIMIT_SIGN_UPS_PER_DOMAIN: '0',
      RATE_LIMIT_PASSWORDS: '0',
      RATE_LIMIT_PER_CALLER: '0',
      EVENT_LOOP_DELAY_LIMIT: '0ms',
      ...variables,
    }),
  );
  lastGroup += 1;
  const runtime = createFakeRuntime({ idGroup: lastGroup });
  if (sharedWith !== undefined) runtime.clock = sharedWith.clock;
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const ownListener = createListener({ connectionString: database.url, applicationName: 'gateway-test' });
  const listener = options.listener ?? ownListener;
  const logger = createLogger({ name: 'gateway', level: config.service.logLevel, destination });
  const gateway = await buildApp({
    config,
    runtime,
    logger,
    metrics: createMetrics({ service: 'gateway', processMetrics: false }),
    pool: database.pool,
    listener,
    setKeyLimits,
    setEndUserLimits,
    entitlements: billingOf(database, limits, options.missingFeatures),
    ...(options.sendMail && { sendMail: options.sendMail }),
  });
  const { app } = gateway;
  t.teardown(async () => {
    await app.close();
    await ownListener.close();
  });
  options.addRoutes?.(app, { pool: database.pool, runtime });
  await app.ready();

  return {
    ...gateway,
    database,
    clock: runtime.clock,
    newId: runtime.newId,
    log: () => lines.join(''),
    runTask: async (name, payload = {}) => {
      const task = gateway.tasks.find((one) => one.name === name);
      if (task === undefined) throw new Error(`The gateway has no task ${name}.`);
      await task.run(payload, { signal: new AbortController().signal, logger });
    },
    nextChange: () =>
      new Promise((resolve, reject) => {
        // Subscribed after the app, so called after it.
        const subscribed = listener.listen(
          [CHANGES_CHANNEL],
          (_channel, payload) => {
            void subscribed.then((unsubscribe) => unsubscribe());
            resolve(payload);
          },
          () => reject(new Error('The listening connection broke.')),
        );
        subscribed.catch(reject);
      }),
    call: createTestCall(app, (as) => ({ authorization: `Bearer ${as}` })),
  };
}

/** Sets an account's limits at the first request for its entitlements, as billing does. */
function billingOf(
  { pool }: TestDatabase,
  limits: Record<string, bigint>,
  missingFeatures: () => readonly string[] = () => [],
): AccountEntitlements {
  const ledger = createLedger({ pool });
  const opened = new Set<string>();
  return {
    async get(accountId) {
      if (!opened.has(accountId)) {
        const segments = Object.entries(limits).map(([meter, n]) =>
          testSegment({ meter, n, window: 'total', source: 'plan:test' }),
        );
        await ledger.setLimits({ accountId, anchor: new Date(), periodMonths: 1, segments });
        opened.add(accountId);
      }
      const missing = missingFeatures().map(
        (feature) => [feature, { granted: false, source: 'plan:test' }] as const,
      );
      return { ...testEntitlements(), features: Object.fromEntries(missing) };
    },
    catalogueOf: async () => undefined,
    suggestPlans: async () => undefined,
    listen: async () => () => {},
  };
}

export type SignedUp = TokenPair & { email: string; accountId: string; userId: string };

/** Signs a user up through the API, with an account of their own. */
export async function signUp(gateway: TestGateway, name: string): Promise<SignedUp> {
  const email = `${name}@example.com`;
  const { status, body } = await gateway.call('POST', '/api/auth/register', {
    body: { email, password: TEST_PASSWORD, name, account_name: `Account of ${name}` },
  });
  if (status !== 201) throw new Error(`Signing up failed: ${JSON.stringify(body)}`);
  const me = await gateway.call('GET', '/api/me', { as: body.access_token });
  return { ...body, email, accountId: me.body.account.id, userId: me.body.user.id };
}

/** Adds a new user to the account of an owner, and signs them in. */
export async function addMember(
  gateway: TestGateway,
  owner: SignedUp,
  name: string,
  role: 'owner' | 'admin' | 'member',
): Promise<SignedUp> {
  const email = `${name}@example.com`;
  const added = await gateway.call('POST', '/api/members', {
    as: owner.access_token,
    body: { email, password: TEST_PASSWORD, name, role },
  });
  if (added.status !== 201) throw new Error(`Adding a member failed: ${JSON.stringify(added.body)}`);
  const { body } = await gateway.call('POST', '/api/auth/login', {
    body: { email, password: TEST_PASSWORD },
  });
  return { ...body, email, accountId: owner.accountId, userId: added.body.user_id };
}

/** Creates an API key through the API. */
export async function createKey(
  gateway: TestGateway,
  as: string,
  body: Record<string, unknown> = {},
): Promise<{ id: string; key: string }> {
  const created = await gateway.call('POST', '/api/api-keys', { as, body: { name: 'Key', ...body } });
  if (created.status !== 201) throw new Error(`Creating a key failed: ${JSON.stringify(created.body)}`);
  return created.body;
}
