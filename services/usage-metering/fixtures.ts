/** The service under test: real PostgreSQL, a clock that stands still, and callers of every role. */
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { ENCRYPTION_KEY_BYTES } from '#libs/auth/authenticated-encryption.ts';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { createPlanSuggestions } from '#libs/clients/plan-suggestions.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { createDatabase, type Database } from '#libs/db/database.ts';
import { createListener } from '#libs/db/listen.ts';
import { createPool } from '#libs/db/pool.ts';
import { isPublicAddress } from '#libs/http/public-address.ts';
import type { PublicHttp, PublicHttpRequest } from '#libs/http/public-http.ts';
import { createTestJobs, runTaskOnce, type TestJobs } from '#libs/jobs/fixtures.ts';
import type { Task } from '#libs/jobs/task.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics, type Metrics } from '#libs/service/metrics.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import type { Storage } from '#libs/storage/storage.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import {
  createTestCall,
  signedContext,
  type TestCall,
  testIdentity,
  testServiceConfig,
} from '#libs/testing/service.ts';
import { buildApp } from './app.ts';

export const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
export const OTHER_ACCOUNT = '0190a1b2-0000-7000-8000-00000000a002';
export const OWNER = '0190a1b2-0000-7000-8000-00000000b001';
export const MEMBER = '0190a1b2-0000-7000-8000-00000000b002';
export const OTHER_OWNER = '0190a1b2-0000-7000-8000-00000000b003';
export const STAFF = '0190a1b2-0000-7000-8000-00000000b004';
export const KEY = '0190a1b2-0000-7000-8000-00000000c001';

const user: Caller = {
  accountId: ACCOUNT,
  userId: OWNER,
  keyId: null,
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

export const callers = {
  owner: user,
  member: { ...user, userId: MEMBER, role: 'member' },
  otherOwner: { ...user, accountId: OTHER_ACCOUNT, userId: OTHER_OWNER },
  key: { ...user, userId: null, keyId: KEY, role: 'member' },
  support: { ...user, accountId: OTHER_ACCOUNT, userId: STAFF, platformRole: 'support' },
  admin: { ...user, accountId: OTHER_ACCOUNT, userId: STAFF, platformRole: 'admin' },
} as const satisfies Record<string, Caller>;

export type CallerName = keyof typeof callers;

export type TestService = {
  pool: Pool;
  database: Database;
  ledger: Ledger;
  runtime: ReturnType<typeof createFakeRuntime>;
  metrics: Metrics;
  /** Lines logged so far. */
  lines: Record<string, unknown>[];
  /** Accounts whose balances the service asked billing to create. */
  ensured: string[];
  call: TestCall<CallerName>;
  /** Has the service listen on a port. @returns its URL. */
  listen: () => Promise<string>;
  /** The header that identifies a caller. */
  identify: (caller: Caller, request: { method: string; path: string }) => Record<string, string>;
  close: () => Promise<void>;
  /** Requests to addresses of customers, and what they are answered. */
  sent: PublicHttpRequest[];
  answer: FakeAnswer;
  /** Puts every account on a plan of a catalogue. */
  sell: (catalogue: string, plan: string) => void;
  /** Stored files by key. */
  files: Map<string, Buffer>;
  /** Runs a task once, as a worker would. */
  runTask: (name: string, payload?: object) => Promise<void>;
  /** Starts a worker with the tasks and the database role of the service, on the real clock. */
  startWorker: () => TestJobs;
};

/** @param http sends requests to addresses of customers instead of recording them. */
export async function createTestService(
  t: TestScope,
  http?: Pick<PublicHttp, 'request'>,
): Promise<TestService> {
  const { pool, url, serviceUrl } = await createTestDatabase(t);
  const listener = createListener({ connectionString: url, applicationName: 'usage-metering-test' });
  t.teardown(() => listener.close());
  const runtime = createFakeRuntime();
  const { now } = runtime.clock;
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const metrics = createMetrics({ service: 'usage-metering', processMetrics: false });
  const ledger = createLedger({ pool, now });
  const ensured: string[] = [];
  const outside = fakeOutside();
  const { app, tasks, waitingTasks } = buildApp({
    config: testServiceConfig(),
    runtime,
    logger,
    metrics,
    pool,
    ledger,
    listener,
    identity: testIdentity('usage-metering', runtime.clock),
    sweepIntervalMs: 5_000,
    sweepBatch: 3,
    ...outside,
    ...(http && { http }),
    ensureBalances: async (accountId) => {
      ensured.push(accountId);
      runtime.clock.advance(100);
      await createBalances(ledger, accountId, now());
    },
  });
  t.teardown(() => app.close());
  const identify = signedContext('usage-metering', runtime.clock);
  return {
    pool,
    database: createDatabase(pool),
    ledger,
    runtime,
    metrics,
    lines,
    ensured,
    call: createTestCall<CallerName>(app, (name, request) => identify(callers[name], request)),
    listen: () => app.listen({ port: 0, host: '127.0.0.1' }),
    identify,
    close: () => app.close(),
    sent: outside.sent,
    sell: outside.entitlements.sell,
    files: outside.files,
    answer: outside.answer,
    runTask: (name, payload = {}) => runTaskOnce([...tasks, ...waitingTasks], name, payload, logger),
    startWorker: () => startTestWorker(t, serviceUrl('usage-metering')),
  };
}

export type FakeAnswer = {
  status: number;
  headers: Record<string, string>;
  body: string;
  failure: Error | null;
};

/** Other services and the internet. */
function fakeOutside() {
  const sent: PublicHttpRequest[] = [];
  const answer: FakeAnswer = { status: 200, headers: {}, body: 'ok', failure: null };
  const files = new Map<string, Buffer>();
  return {
    files,
    sent,
    answer,
    http: {
      async request(request: PublicHttpRequest) {
        sent.push(request);
        if (answer.failure !== null) throw answer.failure;
        const { status, headers, body } = answer;
        return { url: request.url, status, headers, body: Buffer.from(body) };
      },
    },
    secretBox: createSecretBox([Buffer.alloc(ENCRYPTION_KEY_BYTES, 1)]),
    webhookPolicy: { isAllowedAddress: isPublicAddress, allowsHttp: false },
    operators: { slackUrl: undefined, sentry: undefined },
    storage: memoryStorage(files),
    retentionMonths: 12,
    entitlements: createTestEntitlements(),
  };
}

function memoryStorage(files: Map<string, Buffer>): Storage {
  return {
    put: async (key, { bytes }) => void files.set(key, bytes),
    get: async (key) => files.get(key),
    delete: async (key) => void files.delete(key),
    signedUrl: async () => null,
  };
}

/** Every account is on the plan Basic of ALwrity's catalogue, until `sell` changes it. */
function createTestEntitlements() {
  const read = (name: string) => parseCatalogue(readFileSync(`deploy/catalogues/${name}.yaml`, 'utf8'));
  let catalogue = read('alwrity');
  let planKey = 'basic';
  const catalogueOf = async () => catalogue;
  return {
    sell(name: string, plan: string) {
      catalogue = read(name);
      planKey = plan;
    },
    catalogueOf,
    get: async (accountId: string) =>
      entitlementsAt(
        {
          catalogue,
          catalogueVersion: 'v1',
          accountId,
          segments: [],
          seats: null,
          overrides: [],
          flags: [],
          guardRails: [],
          subscription: { planKey, status: 'active', trialEndsAt: null, accessEndsAt: null },
        },
        new Date('2026-11-20T12:00:00Z'),
      ),
    suggestPlans: createPlanSuggestions(catalogueOf),
    listen: async () => () => {},
  };
}

/**
 * The tasks of the service on the real clock, as a worker runs them.
 * @param http sends requests to addresses of customers; they are answered without being sent unless it is given.
 */
export function createWorkerTasks(
  connectionString: string,
  http?: Pick<PublicHttp, 'request'>,
): { tasks: Task[]; pool: Pool } {
  // as the service has it: with a listener for idle connections that break
  const pool = createPool({
    connectionString,
    max: 10,
    applicationName: 'test-worker',
    statementTimeoutMs: 30_000,
    connectTimeoutMs: 60_000,
  });
  const { tasks, waitingTasks } = buildApp({
    config: testServiceConfig(),
    runtime: systemRuntime,
    logger: createLogger({ name: 'test', level: 'silent' }),
    metrics: createMetrics({ service: 'usage-metering', processMetrics: false }),
    pool,
    ledger: createLedger({ pool }),
    listener: { listen: async () => () => {} },
    identity: testIdentity('usage-metering', systemRuntime.clock),
    sweepIntervalMs: 50,
    sweepBatch: 3,
    ...fakeOutside(),
    ...(http && { http }),
    ensureBalances: async () => undefined,
  });
  return { tasks: [...tasks, ...waitingTasks], pool };
}

function startTestWorker(t: TestScope, connectionString: string): TestJobs {
  const { tasks, pool } = createWorkerTasks(connectionString);
  t.teardown(() => pool.end());
  // a busy machine must not cut off a running task, whose connections the end of the test would then terminate
  const worker = createTestJobs(t, connectionString, tasks, { stopMs: 20_000 });
  worker.jobs.start();
  return worker;
}

/** Limits: ten cents a period, fifty thousand tokens a day, no blog articles. */
export function createBalances(ledger: Ledger, accountId: string, anchor: Date): Promise<void> {
  return ledger.setLimits({
    accountId,
    anchor,
    periodMonths: 1,
    segments: [
      testSegment({ meter: 'cost', window: 'period', n: 100_000_000n, source: 'plan:test' }),
      testSegment({ meter: 'tokens.total', window: 'day', n: 50_000n, source: 'plan:test' }),
      testSegment({ meter: 'images', window: 'month' }),
      testSegment({ meter: 'gen.blog', amount: { kind: 'disabled' }, source: 'not_in_plan:test' }),
    ],
  });
}

/** Adds users to an account. */
export async function addMembers(pool: Pool, accountId: string, userIds: readonly string[]): Promise<void> {
  for (const userId of userIds) {
    await pool.query(
      `INSERT INTO memberships (account_id, user_id, role, created_at) VALUES ($1, $2, 'member', now())`,
      [accountId, userId],
    );
  }
}
