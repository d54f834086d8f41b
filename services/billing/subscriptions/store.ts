import { and, eq, getTableColumns, gt, lte, ne, or } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { paymentRequests, subscriptions } from '#libs/db/schema/billing.ts';
import { accounts } from '#libs/db/schema/gateway.ts';
import type { PausedTerms, ScheduledChange, Subscription } from './domain/subscription.ts';

const { dueAt, createdAt, ...subscriptionColumns } = getTableColumns(subscriptions);
type SubscriptionRow = Omit<typeof subscriptions.$inferSelect, 'dueAt' | 'createdAt'>;

export async function findSubscription(db: Queryable, accountId: string): Promise<Subscription | undefined> {
  const [row] = await db
    .select(subscriptionColumns)
    .from(subscriptions)
    .where(eq(subscriptions.accountId, accountId));
  return row && toSubscription(row);
}

/** Subscriptions to any other catalogue version, by account id after `after`. */
export async function findNextNotOnVersion(
  db: Queryable,
  catalogueVersionId: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<Subscription[]> {
  const rows = await db
    .select(subscriptionColumns)
    .from(subscriptions)
    .where(
      and(
        ne(subscriptions.catalogueVersionId, catalogueVersionId),
        after === null ? undefined : gt(subscriptions.accountId, after),
      ),
    )
    .orderBy(subscriptions.accountId)
    .limit(limit);
  return rows.map(toSubscription);
}

/** @returns the subscription as it is stored. */
export async function saveSubscription(tx: Tx, changed: Subscription, now: Date): Promise<Subscription> {
  const subscription = { ...changed, updatedAt: now };
  const row = {
    ...subscription,
    scheduledChange: scheduledToRow(subscription.scheduledChange),
    pausedTerms: pausedToRow(subscription.pausedTerms),
  };
  await tx
    .insert(subscriptions)
    .values({ ...row, createdAt: now })
    .onConflictDoUpdate({ target: subscriptions.accountId, set: row });
  return subscription;
}

function toSubscription({ scheduledChange: change, pausedTerms, ...row }: SubscriptionRow): Subscription {
  return {
    ...row,
    pausedTerms: pausedTerms && {
      planKey: pausedTerms.plan_key,
      cycle: pausedTerms.cycle,
      seats: pausedTerms.seats,
    },
    scheduledChange: change && {
      planKey: change.plan_key,
      cycle: change.cycle,
      catalogueVersionId: change.catalogue_version_id,
      movesTo: change.moves_to ?? null,
    },
  };
}

function scheduledToRow(change: ScheduledChange | null): SubscriptionRow['scheduledChange'] {
  return (
    change && {
      plan_key: change.planKey,
      cycle: change.cycle,
      catalogue_version_id: change.catalogueVersionId,
      moves_to: change.movesTo,
    }
  );
}

function pausedToRow(terms: PausedTerms | null): SubscriptionRow['pausedTerms'] {
  return terms && { plan_key: terms.planKey, cycle: terms.cycle, seats: terms.seats };
}

export async function accountExists(db: Queryable, accountId: string): Promise<boolean> {
  const found = await db
    .select({ id: accounts.id })
    .from(accounts)
    .where(and(eq(accounts.id, accountId), ne(accounts.status, 'deleted')));
  return found.length > 0;
}

/** Accounts whose plan ends until `until` because its period is not paid. */
export async function overdueAccounts(db: Queryable, until: Date): Promise<string[]> {
  const rows = await db
    .select({ accountId: subscriptions.accountId })
    .from(subscriptions)
    .where(and(eq(subscriptions.status, 'past_due'), lte(subscriptions.accessEndsAt, until)));
  return rows.map(({ accountId }) => accountId);
}

/** An account whose subscription or open payment request needs reconciling, and since when. */
export type DueAccount = { accountId: string; dueAt: Date };

/** The longest due first, after the account `after`. */
export async function dueAccounts(
  db: Queryable,
  { now, after, limit }: { now: Date; after: DueAccount | undefined; limit: number },
): Promise<DueAccount[]> {
  const due = unionAll(
    db
      .select({ accountId: subscriptions.accountId, dueAt: subscriptions.dueAt })
      .from(subscriptions)
      .where(lte(subscriptions.dueAt, now)),
    db
      .select({ accountId: paymentRequests.accountId, dueAt: paymentRequests.expiresAt })
      .from(paymentRequests)
      .where(and(eq(paymentRequests.status, 'open'), lte(paymentRequests.expiresAt, now))),
  ).as('due');
  const rows = await db
    .select()
    .from(due)
    .where(
      after &&
        or(gt(due.dueAt, after.dueAt), and(eq(due.dueAt, after.dueAt), gt(due.accountId, after.accountId))),
    )
    .orderBy(due.dueAt, due.accountId)
    .limit(limit);
  return rows.map((row) => ({ accountId: row.accountId, dueAt: row.dueAt ?? now }));
}
