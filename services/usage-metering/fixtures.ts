/** The service as tests run it: real PostgreSQL, still time, and callers of every kind. */
import type { Pool } from 'pg';
import { createContextSigner } from '#libs/auth/internal-context.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { testSegment } from '#libs/ledger/fixtures.ts';
import { createLedger, type Ledger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics, type Metrics } from '#libs/service/metrics.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { testServiceConfig } from '#libs/testing/service.ts';
import { buildApp } from './app.ts';

const SECRET = 'a secret that only tests know of, no one else';

export const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
export const OTHER_ACCOUNT = '0190a1b2-0000-7000-8000-00000000a002';
export const OWNER = '0190a1b2-0000-7000-8000-00000000b001';
export const MEMBER = '0190a1b2-0000-7000-8000-00000000b002';
export const STRANGER = '0190a1b2-0000-7000-8000-00000000b003';
export const STAFF = '0190a1b2-0000-7000-8000-00000000b004';
export const KEY = '0190a1b2-0000-7000-8000-00000000c001';

const person: Caller = {
  accountId: ACCOUNT,
  userId: OWNER,
  keyId: null,
  workspaceId: null,
  role: 'owner',
  platformRole: 'none',
  scopes: ['*'],
};

export const callers = {
  owner: person,
  member: { ...person, userId: MEMBER, role: 'member' },
  stranger: { ...person, accountId: OTHER_ACCOUNT, userId: STRANGER },
  key: { ...person, userId: null, keyId: KEY, role: 'member' },
  support: { ...person, accountId: OTHER_ACCOUNT, userId: STAFF, platformRole: 'support' },
  admin: { ...person, accountId: OTHER_ACCOUNT, userId: STAFF, platformRole: 'admin' },
} as const satisfies Record<string, Caller>;

export type Answer<Body> = { status: number; headers: Record<string, unknown>; body: Body };

export type TestService = {
  pool: Pool;
  ledger: Ledger;
  runtime: ReturnType<typeof createFakeRuntime>;
  metrics: Metrics;
  /** Lines logged so far. */
  lines: Record<string, unknown>[];
  /** Accounts whose books the service asked billing to open. */
  opened: string[];
  /** Sends a request as a caller; `null` sends no context. */
  send: <Body>(
    caller: keyof typeof callers | null,
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ) => Promise<Answer<Body>>;
};

export async function createTestService(t: TestScope): Promise<TestService> {
  const { pool } = await createTestDatabase(t);
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
  const signer = createContextSigner({ secrets: [SECRET], now });
  const opened: string[] = [];
  const app = buildApp({
    config: testServiceConfig(),
    runtime,
    logger,
    metrics,
    pool,
    ledger,
    signer,
    openBooks: async (accountId) => {
      opened.push(accountId);
      runtime.clock.advance(100);
      await openBooks(ledger, accountId, now());
    },
  });
  t.teardown(() => app.close());
  return {
    pool,
    ledger,
    runtime,
    metrics,
    lines,
    opened,
    async send<Body>(
      caller: keyof typeof callers | null,
      method: 'GET' | 'POST' | 'DELETE',
      url: string,
      { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
    ) {
      const exp = Math.floor(now().getTime() / 1000) + 60;
      const context = caller && signer.sign({ caller: callers[caller], requestId: runtime.newId(), exp });
      const response = await app.inject({
        method,
        url,
        headers: { ...headers, ...(context && { [INTERNAL_CONTEXT_HEADER]: context }) },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      const text = response.body;
      return {
        status: response.statusCode,
        headers: response.headers,
        body: (text === '' ? undefined : JSON.parse(text)) as Body,
      };
    },
  };
}

/** Ten cents a period, fifty thousand tokens a day, and blog articles that are not part of the plan. */
export function openBooks(ledger: Ledger, accountId: string, anchor: Date): Promise<void> {
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

/** Makes people members of the test account. */
export async function addMembers(pool: Pool, accountId: string, userIds: readonly string[]): Promise<void> {
  for (const userId of userIds) {
    await pool.query(
      `INSERT INTO memberships (account_id, user_id, role, created_at) VALUES ($1, $2, 'member', now())`,
      [accountId, userId],
    );
  }
}
