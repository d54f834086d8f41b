/** What billing stores of Stripe's objects. A row is written only from a newer read than the one it has. */
import { and, desc, eq, inArray, ne, notInArray, sql } from 'drizzle-orm';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { accounts, memberships, users } from '#libs/db/schema/gateway.ts';
import {
  invoices,
  payments,
  refunds,
  stripeCustomers,
  stripeProgress,
  stripeSubscriptions,
} from '#libs/db/schema/stripe.ts';

export type SubscriptionRow = typeof stripeSubscriptions.$inferSelect;
export type InvoiceRow = typeof invoices.$inferSelect;
export type PaymentRow = typeof payments.$inferSelect;
export type RefundRow = typeof refunds.$inferSelect;

/** States in which a subscription counts as the account's one, as in the unique index. */
export const COUNTING = ['trialing', 'active', 'past_due', 'unpaid', 'paused'];

/** Taken before an object is read at Stripe. */
export async function nextReadNumber(db: Queryable): Promise<bigint> {
  const { rows } = await db.execute<{ number: string }>(sql`SELECT nextval('stripe_reads') AS number`);
  return BigInt(only(rows).number);
}

export async function findAccountOf(db: Queryable, customerId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ accountId: stripeCustomers.accountId })
    .from(stripeCustomers)
    .where(eq(stripeCustomers.customerId, customerId));
  return row?.accountId;
}

export async function findCustomer(db: Queryable, accountId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ customerId: stripeCustomers.customerId })
    .from(stripeCustomers)
    .where(eq(stripeCustomers.accountId, accountId));
  return row?.customerId;
}

/** The first one stays. */
export async function insertCustomer(
  db: Queryable,
  row: { accountId: string; customerId: string; createdAt: Date },
): Promise<void> {
  await db.insert(stripeCustomers).values(row).onConflictDoNothing({ target: stripeCustomers.accountId });
}

export async function markCustomerDeleted(db: Queryable, customerId: string, at: Date): Promise<void> {
  await db.update(stripeCustomers).set({ deletedAt: at }).where(eq(stripeCustomers.customerId, customerId));
}

/** Name of an account and address of its first owner, for the provider's receipts. */
export async function findContact(
  db: Queryable,
  accountId: string,
): Promise<{ name: string; email: string | null } | undefined> {
  const [row] = await db
    .select({ name: accounts.name, email: users.email })
    .from(accounts)
    .leftJoin(memberships, and(eq(memberships.accountId, accounts.id), eq(memberships.role, 'owner')))
    .leftJoin(users, eq(users.id, memberships.userId))
    .where(eq(accounts.id, accountId))
    .orderBy(memberships.createdAt)
    .limit(1);
  return row;
}

export async function findStripeSubscription(
  db: Queryable,
  id: string,
): Promise<SubscriptionRow | undefined> {
  const [row] = await db.select().from(stripeSubscriptions).where(eq(stripeSubscriptions.id, id));
  return row;
}

/** The subscription that counts as the account's. */
export async function findCountingSubscription(
  db: Queryable,
  accountId: string,
  except = '',
): Promise<SubscriptionRow | undefined> {
  const [row] = await db
    .select()
    .from(stripeSubscriptions)
    .where(
      and(
        eq(stripeSubscriptions.accountId, accountId),
        eq(stripeSubscriptions.isDuplicate, false),
        inArray(stripeSubscriptions.status, COUNTING),
        ne(stripeSubscriptions.id, except),
      ),
    );
  return row;
}

/** @returns false where a newer read has been stored. */
export async function saveSubscriptionRow(tx: Tx, row: SubscriptionRow): Promise<boolean> {
  const saved = await tx
    .insert(stripeSubscriptions)
    .values(row)
    .onConflictDoUpdate({
      target: stripeSubscriptions.id,
      set: row,
      setWhere: sql`${stripeSubscriptions.readNumber} < ${row.readNumber}`,
    })
    .returning({ id: stripeSubscriptions.id });
  return saved.length > 0;
}

export function findInvoicesById(db: Queryable, ids: string[]): Promise<InvoiceRow[]> {
  return ids.length === 0 ? Promise.resolve([]) : db.select().from(invoices).where(inArray(invoices.id, ids));
}

export async function saveRefund(tx: Tx, row: RefundRow): Promise<void> {
  await tx
    .insert(refunds)
    .values(row)
    .onConflictDoUpdate({
      target: refunds.id,
      set: row,
      setWhere: sql`${refunds.readNumber} < ${row.readNumber}`,
    });
}

/** Payments of invoices that were collected. */
export function findCollectedPayments(db: Queryable, subscriptionId: string): Promise<PaymentRow[]> {
  return db
    .select({
      id: payments.id,
      accountId: payments.accountId,
      invoiceId: payments.invoiceId,
      amountMinor: payments.amountMinor,
      currency: payments.currency,
      status: payments.status,
      createdAt: payments.createdAt,
      readNumber: payments.readNumber,
    })
    .from(payments)
    .innerJoin(invoices, eq(invoices.id, payments.invoiceId))
    .where(and(eq(invoices.subscriptionId, subscriptionId), eq(payments.status, 'paid')));
}

export async function readProgress(db: Queryable, name: string): Promise<Date | undefined> {
  const [row] = await db.select().from(stripeProgress).where(eq(stripeProgress.name, name));
  return row?.reachedAt;
}

export async function saveProgress(db: Queryable, name: string, reachedAt: Date): Promise<void> {
  await db
    .insert(stripeProgress)
    .values({ name, reachedAt })
    .onConflictDoUpdate({ target: stripeProgress.name, set: { reachedAt } });
}

/** The newest invoice of a subscription that waits for its payment. */
export async function findOpenInvoice(
  db: Queryable,
  subscriptionId: string,
): Promise<InvoiceRow | undefined> {
  const [row] = await db
    .select()
    .from(invoices)
    .where(and(eq(invoices.subscriptionId, subscriptionId), eq(invoices.status, 'open')))
    .orderBy(desc(invoices.createdAt))
    .limit(1);
  return row;
}

/** The payment that an invoice collected. */
export async function findInvoicePayment(db: Queryable, invoiceId: string): Promise<PaymentRow | undefined> {
  const [row] = await db
    .select()
    .from(payments)
    .where(and(eq(payments.invoiceId, invoiceId), eq(payments.status, 'paid')))
    .limit(1);
  return row;
}

/** A refund that succeeded or may. */
export const COUNTED_REFUND = notInArray(refunds.status, ['failed', 'canceled']);

/** What was paid back of a payment so far. */
export async function refundedOf(db: Queryable, paymentId: string): Promise<number> {
  const [row] = await db
    .select({ sum: sql<number>`coalesce(sum(${refunds.amountMinor}), 0)::int` })
    .from(refunds)
    .where(and(eq(refunds.paymentId, paymentId), COUNTED_REFUND));
  return row?.sum ?? 0;
}

/** All subscriptions that an account ever had. */
export function subscriptionsOf(db: Queryable, accountId: string): Promise<SubscriptionRow[]> {
  return db.select().from(stripeSubscriptions).where(eq(stripeSubscriptions.accountId, accountId));
}
