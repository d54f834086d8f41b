/** The service in tests: real PostgreSQL, a fake clock and the default catalogue. */
import { readFileSync } from 'node:fs';
import type { Pool } from 'pg';
import type { Caller, PlatformRole } from '#libs/contracts/internal-context.ts';
import type { Task } from '#libs/jobs/task.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
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
import { type ImportedCatalogue, importAndActivate } from './catalogues/catalogues.fixture.ts';
import type { PaymentTerms } from './config.ts';
import { createManualPayments } from './payments/manual/driver.ts';

export const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
export const OTHER_ACCOUNT = '0190a1b2-0000-7000-8000-00000000a002';
export const STAFF = '0190a1b2-0000-7000-8000-00000000b004';
export const KEY = '0190a1b2-0000-7000-8000-00000000c001';

export const DEFAULT_CATALOGUE = readFileSync(
  new URL('../../deploy/catalogues/default.yaml', import.meta.url),
  'utf8',
);

/** A member of an account, without a user. */
export function accountCaller(accountId: string): Caller {
  return {
    accountId,
    userId: null,
    keyId: null,
    workspaceId: null,
    role: 'member',
    platformRole: 'none',
    scopes: ['*'],
  };
}

/** A user of another account with this platform role. */
export function staffCaller(platformRole: PlatformRole): Caller {
  return { ...accountCaller(OTHER_ACCOUNT), userId: STAFF, platformRole };
}

export const TEST_PAYMENT_TERMS: PaymentTerms = {
  payments: createManualPayments('Pay {amount} for {reference}.'),
  requestDays: 30,
  apiUrl: 'https://api.example',
  returnOrigins: [],
  stripe: null,
};

export type TestService = {
  pool: Pool;
  databaseUrl: string;
  tasks: readonly Task[];
  /** Text bodies are sent as YAML. */
  call: TestCall<Caller>;
  ledger: Ledger;
  runtime: ReturnType<typeof createFakeRuntime>;
  importText: (text: string) => Promise<ImportedCatalogue>;
};

/** A service with two accounts; `catalogue` is on offer. */
export async function createTestService(
  t: TestScope,
  catalogue: string | null = DEFAULT_CATALOGUE,
  paymentTerms: PaymentTerms = TEST_PAYMENT_TERMS,
): Promise<TestService> {
  const { pool, url: databaseUrl } = await createTestDatabase(t);
  const runtime = createFakeRuntime();
  const { now } = runtime.clock;
  const { app, tasks } = buildApp({
    config: testServiceConfig(),
    runtime,
    logger: createLogger({ name: 'test', level: 'silent' }),
    metrics: createMetrics({ service: 'billing', processMetrics: false }),
    pool,
    identity: testIdentity('billing', runtime.clock),
    paymentTerms,
    renewalIntervalSeconds: 3_600,
    reminderIntervalSeconds: 3_600,
  });
  t.teardown(() => app.close());
  for (const id of [ACCOUNT, OTHER_ACCOUNT]) {
    await pool.query(`INSERT INTO accounts (id, name, created_at) VALUES ($1, 'Test', now())`, [id]);
  }
  const importText = (text: string) => importAndActivate(pool, runtime, text);
  if (catalogue !== null) await importText(catalogue);

  return {
    pool,
    databaseUrl,
    tasks,
    call: createTestCall(app, signedContext('billing', runtime.clock), { textType: 'text/yaml' }),
    ledger: createLedger({ pool, now }),
    runtime,
    importText,
  };
}

/** The notifications that other services receive while `work` runs. */
export async function notificationsDuring(pool: Pool, work: () => Promise<unknown>): Promise<unknown[]> {
  const client = await pool.connect();
  const heard: unknown[] = [];
  client.on('notification', ({ payload = '' }) => heard.push(JSON.parse(payload)));
  await client.query('LISTEN inkmeter');
  await work();
  // Notifications arrive before the answer to a later statement.
  await client.query('SELECT 1');
  client.release(true);
  return heard;
}
