/** What the flows with hosted pages share: who the account is at the provider, and how a write to it is made. */
import { isDeepStrictEqual } from 'node:util';
import { transaction } from '#libs/db/database.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import type { Cycle } from '../subscriptions/domain/period.ts';
import { lockSubscription } from '../subscriptions/plugin.ts';
import { type ChangeRow, findUnanswered, insertChange, markAnswered } from './change-store.ts';
import type { PaymentDeps } from './collect.ts';
import type { HostedPayments } from './port.ts';
import {
  findContact,
  findCountingSubscription,
  findCustomer,
  insertCustomer,
  type SubscriptionRow,
} from './stripe/store.ts';

export type HostedDeps = PaymentDeps & {
  /** Origins to which the provider's pages may return; the first one is the default. */
  returnOrigins: readonly string[];
  /** Where clients reach the API, for pages of manual payments. */
  apiUrl: string;
  /** Reads a subscription at the provider and applies what it says. */
  syncSubscription: (id: string) => Promise<void>;
};

const REPEATED_WITHIN_MS = 24 * 60 * 60_000;

/** @throws ProblemError `payments_not_hosted` */
export function requireHosted({ payments }: Pick<PaymentDeps, 'payments'>): HostedPayments {
  if (payments.hosted === null) throw problem('payments_not_hosted');
  return payments.hosted;
}

/** @throws ProblemError `payment_provider_error` for what the provider refuses or does not answer. */
export async function callProvider<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    throw problem('payment_provider_error', { cause: error, headers: { 'retry-after': '2' } });
  }
}

/** The account's customer at the provider, made at its first use. Never found by an e-mail address. */
export async function ensureCustomer(deps: HostedDeps, accountId: string): Promise<string> {
  const { database, runtime } = deps;
  const known = await findCustomer(database, accountId);
  if (known !== undefined) return known;
  const contact = await findContact(database, accountId);
  if (contact === undefined) throw problem('not_found');
  const hosted = requireHosted(deps);
  const customerId = await callProvider(() => hosted.createCustomer({ accountId, ...contact }));
  await insertCustomer(database, { accountId, customerId, createdAt: runtime.clock.now() });
  return (await findCustomer(database, accountId)) ?? customerId;
}

/** @throws ProblemError `conflict` where no subscription runs at the provider. */
export async function requireRunning(deps: HostedDeps, accountId: string): Promise<SubscriptionRow> {
  const row = await findCountingSubscription(deps.database, accountId);
  if (row !== undefined) return row;
  throw problem('conflict', {
    detail:
      'The account has no subscription with the payment provider. Start with POST /api/billing/checkout.',
  });
}

/** @throws ProblemError `payment_provider_error` for a plan that was not published there. */
export async function priceOf(deps: HostedDeps, plan: { planKey: string; cycle: Cycle }): Promise<string> {
  const hosted = requireHosted(deps);
  const priceId = await callProvider(() => hosted.findPrice(plan));
  if (priceId !== undefined) return priceId;
  throw problem('payment_provider_error', {
    detail:
      'The payment provider does not sell this plan yet. The operator publishes it with `npm run stripe -- sync`.',
  });
}

export type ChangeRequest = {
  accountId: string;
  by: string;
  kind: string;
  terms: ChangeRow['terms'];
};

/** What a change passes to the provider: its key, and when it was requested, which proration counts from. */
export type RequestedChange = { subscriptionId: string; idempotencyKey: string; at: Date };

/**
 * Sends a change to the provider once, even if it is requested again before the answer, and applies the new state before
 * this resolves.
 */
export async function requestChange<Result>(
  deps: HostedDeps,
  running: SubscriptionRow,
  request: ChangeRequest,
  send: (change: RequestedChange) => Promise<Result>,
): Promise<Result> {
  const { database, runtime } = deps;
  const row = await storeChange(deps, running, request);
  const change = { subscriptionId: running.id, idempotencyKey: row.id, at: row.requestedAt };
  const result = await callProvider(() => send(change)).catch(async (error: unknown) => {
    // A refusal is an answer: the same request is a new one once its reason is gone.
    if (isRefusal(error)) await markAnswered(database, row.id, runtime.clock.now());
    throw error;
  });
  await markAnswered(database, row.id, runtime.clock.now());
  await callProvider(() => deps.syncSubscription(running.id));
  return result;
}

const TRY_AGAIN = [409, 429];

/** Whether the provider has decided, unlike a timeout or an overload. */
function isRefusal(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (typeof cause !== 'object' || cause === null || !('statusCode' in cause)) return false;
  const { statusCode } = cause;
  return typeof statusCode === 'number' && statusCode < 500 && !TRY_AGAIN.includes(statusCode);
}

function storeChange(
  deps: HostedDeps,
  { id: subscriptionId }: SubscriptionRow,
  { accountId, by, kind, terms }: ChangeRequest,
): Promise<ChangeRow> {
  return transaction(deps.database, async (tx) => {
    await lockSubscription(tx, deps, accountId);
    const now = deps.runtime.clock.now();
    const since = new Date(now.getTime() - REPEATED_WITHIN_MS);
    const unanswered = await findUnanswered(tx, { subscriptionId, kind, since });
    if (unanswered !== undefined && isDeepStrictEqual(unanswered.terms, terms)) return unanswered;
    const row: ChangeRow = {
      id: deps.runtime.newId(),
      accountId,
      subscriptionId,
      kind,
      terms,
      requestedBy: by,
      requestedAt: now,
      answeredAt: null,
    };
    await insertChange(tx, row);
    return row;
  });
}
