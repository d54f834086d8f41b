/** People, payments and passing time, for tests of what becomes of subscriptions. */
import { readFileSync } from 'node:fs';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PaymentRequestSummary } from '#libs/contracts/payment-requests.ts';
import type { CurrentSubscription } from '#libs/contracts/plans.ts';
import type { BillingEventWire } from '#libs/contracts/subscriptions.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { buildJobs } from './app.ts';
import { ACCOUNT, STAFF, TEST_PAYMENT_TERMS, type TestService } from './fixtures.ts';
import type { PaymentTerms } from './subscriptions/plugin.ts';

const OWNER = '0190a1b2-0000-7000-8000-00000000b001';

export type Current = { data: CurrentSubscription };
export type Refusal = {
  code: string;
  reason?: string;
  available_plans?: string[];
  payment_request?: PaymentRequestSummary;
};
export type Events = { data: { events: BillingEventWire[]; next_cursor: string | null } };

/** The owner of an account, unless said otherwise. */
export function callerWith(caller: Partial<Caller> = {}): Caller {
  return {
    accountId: ACCOUNT,
    userId: OWNER,
    keyId: null,
    workspaceId: null,
    role: 'owner',
    platformRole: 'none',
    scopes: ['*'],
    ...caller,
  };
}

export const staff = callerWith({ userId: STAFF, platformRole: 'admin', role: 'member' });

export function readPreset(id: string): string {
  return readFileSync(new URL(`../../deploy/catalogues/${id}.yaml`, import.meta.url), 'utf8');
}

export async function addOwner(
  { pool, runtime }: TestService,
  accountId: string,
  emailNormalised: string,
): Promise<void> {
  const userId = runtime.newId();
  await pool.query('INSERT INTO users (id, email, email_normalised, created_at) VALUES ($1, $2, $3, now())', [
    userId,
    `${userId}@example.com`,
    emailNormalised,
  ]);
  await pool.query(
    `INSERT INTO memberships (account_id, user_id, role, created_at) VALUES ($1, $2, 'owner', now())`,
    [accountId, userId],
  );
}

export async function addAccount({ pool, runtime }: TestService): Promise<string> {
  const id = runtime.newId();
  await pool.query(`INSERT INTO accounts (id, name, created_at) VALUES ($1, 'Test', now())`, [id]);
  return id;
}

/** The two jobs, as the service runs them. */
export function createJobs(
  { pool, runtime }: TestService,
  paymentTerms: PaymentTerms = TEST_PAYMENT_TERMS,
): { renew: () => Promise<void>; remind: () => Promise<void>; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const [renewal, reminders] = buildJobs({
    pool,
    runtime,
    logger: createLogger({
      name: 'test',
      level: 'info',
      destination: { write: (line) => void lines.push(JSON.parse(line)) },
    }),
    metrics: createMetrics({ service: 'billing', processMetrics: false }),
    paymentTerms,
    renewalIntervalMs: 3_600_000,
    reminderIntervalMs: 3_600_000,
  });
  if (renewal === undefined || reminders === undefined) throw new Error('a job is missing');
  return { renew: renewal.runOnce, remind: reminders.runOnce, lines };
}

/** What an account does about its plan, by its owner. */
export function customer(service: TestService, accountId: string = ACCOUNT) {
  const caller = callerWith({ accountId });
  const post = <Body = Current & Refusal>(url: string, body?: unknown) =>
    service.sendBy<Body>(caller, 'POST', url, body);
  const get = <Body>(url: string) => service.sendBy<Body>(caller, 'GET', url);
  return {
    get,
    post,
    current: async () => (await get<Current>('/api/subscription/current')).body.data,
    upgrade: (plan: string, cycle?: 'month' | 'year') =>
      post('/api/subscription/upgrade', { plan, ...(cycle && { cycle }) }),
    /** Buys a plan: asks for it, and has staff record the payment. */
    async buy(plan: string, cycle?: 'month' | 'year'): Promise<PaymentRequestSummary> {
      const { body } = await post('/api/subscription/upgrade', { plan, ...(cycle && { cycle }) });
      if (body.payment_request === undefined) throw new Error(`nothing to pay: ${JSON.stringify(body)}`);
      await markPaid(service, body.payment_request.id);
      return body.payment_request;
    },
    events: async () => (await get<Events>('/api/subscription/events?limit=100')).body.data.events,
    kinds: async () =>
      (await get<Events>('/api/subscription/events?limit=100')).body.data.events
        .map(({ kind }) => kind)
        .reverse(),
  };
}

export function markPaid(service: TestService, id: string, note = 'Transfer') {
  return service.sendBy<{ data: { status: string; settled_by: string; note: string } } & Refusal>(
    staff,
    'POST',
    `/api/admin/payment-requests/${id}/mark-paid`,
    { note },
  );
}

/** Every payment request there ever was, the oldest first. */
export const requestsOf = async ({ pool }: TestService) =>
  (await pool.query('SELECT id, status, plan_key, amount_minor, note FROM payment_requests ORDER BY id'))
    .rows;
