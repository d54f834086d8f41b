/** Customers, payments and scheduled tasks, for tests of subscriptions. */
import { readFileSync } from 'node:fs';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PaymentRequestSummary } from '#libs/contracts/payment-requests.ts';
import type { CurrentSubscription } from '#libs/contracts/plans.ts';
import type { BillingEventWire } from '#libs/contracts/subscriptions.ts';
import type { EventType } from '#libs/outbox/routes.ts';
import { createLogger } from '#libs/service/logger.ts';
import { checkEventDocumented } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, STAFF, type TestService } from './fixtures.ts';

const OWNER = '0190a1b2-0000-7000-8000-00000000b001';

export type Current = { data: CurrentSubscription };
export type Refusal = {
  code: string;
  reason?: string;
  available_plans?: string[];
  payment_request?: PaymentRequestSummary;
};
export type Events = { data: BillingEventWire[]; next_cursor: string | null };

/** The owner of an account by default. */
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

/** Runs scheduled tasks, each as one job of the queue would. */
export function createJobs({ tasks }: TestService): {
  /** Renews subscriptions, then collects the requested payments. */
  renew: () => Promise<void>;
  remind: () => Promise<void>;
  lines: Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const run = async (name: string) => {
    const task = tasks.find((one) => one.name === name);
    if (task === undefined) throw new Error(`There is no task ${name}.`);
    await task.run({}, { signal: new AbortController().signal, logger });
  };
  return {
    renew: async () => {
      await run('renew-subscriptions');
      await run('collect-payments');
    },
    remind: () => run('send-trial-reminders'),
    lines,
  };
}

/** The requests of an account's owner. */
export function customer(service: TestService, accountId: string = ACCOUNT) {
  const caller = callerWith({ accountId });
  const post = <Body = Current & Refusal>(url: string, body?: unknown) =>
    service.call<Body>('POST', url, { as: caller, body });
  const get = <Body>(url: string) => service.call<Body>('GET', url, { as: caller });
  return {
    get,
    post,
    current: async () => (await get<Current>('/api/subscription/current')).body.data,
    upgrade: (plan: string, cycle?: 'month' | 'year') =>
      post('/api/subscription/upgrade', { plan, ...(cycle && { cycle }) }),
    /** Requests a plan; staff then mark the payment as paid. */
    async buy(plan: string, cycle?: 'month' | 'year'): Promise<PaymentRequestSummary> {
      const { body } = await post('/api/subscription/upgrade', { plan, ...(cycle && { cycle }) });
      if (body.payment_request === undefined)
        throw new Error(`No payment was requested: ${JSON.stringify(body)}`);
      await markPaid(service, body.payment_request.id);
      return body.payment_request;
    },
    events: async () => (await get<Events>('/api/subscription/events?limit=100')).body.data,
    kinds: async () =>
      (await get<Events>('/api/subscription/events?limit=100')).body.data.map(({ kind }) => kind).reverse(),
  };
}

export function markPaid(service: TestService, id: string, note = 'Transfer') {
  return service.call<{ status: string; settled_by: string; note: string } & Refusal>(
    'POST',
    `/api/admin/payment-requests/${id}/mark-paid`,
    { as: staff, body: { note } },
  );
}

/** All payment requests, the oldest first. */
export const requestsOf = async ({ pool }: TestService) =>
  (await pool.query('SELECT id, status, plan_key, amount_minor, note FROM payment_requests ORDER BY id'))
    .rows;

/** The events of one type in the outbox, the oldest first. Each has the data that the document promises to webhooks. */
export async function emitted({ pool }: TestService, type: EventType) {
  const { rows } = await pool.query(
    'SELECT account_id, payload FROM outbox_events WHERE type = $1 ORDER BY created_at, id',
    [type],
  );
  for (const { payload } of rows) checkEventDocumented(type, payload);
  return rows;
}
