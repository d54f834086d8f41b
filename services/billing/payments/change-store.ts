import { and, desc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { repayments, stripeChanges } from '#libs/db/schema/stripe.ts';

export type ChangeRow = typeof stripeChanges.$inferSelect;
export type RepaymentRow = typeof repayments.$inferSelect;

/** The last change of this kind that the provider has not answered, such as before a crash. */
export async function findUnanswered(
  tx: Tx,
  { subscriptionId, kind, since }: { subscriptionId: string; kind: string; since: Date },
): Promise<ChangeRow | undefined> {
  const [row] = await tx
    .select()
    .from(stripeChanges)
    .where(
      and(
        eq(stripeChanges.subscriptionId, subscriptionId),
        eq(stripeChanges.kind, kind),
        isNull(stripeChanges.answeredAt),
        gt(stripeChanges.requestedAt, since),
      ),
    )
    .orderBy(desc(stripeChanges.id))
    .limit(1);
  return row;
}

/** Whether the provider has yet to answer a change that was requested since then. */
export async function isChanging(db: Queryable, subscriptionId: string, since: Date): Promise<boolean> {
  const rows = await db
    .select({ id: stripeChanges.id })
    .from(stripeChanges)
    .where(
      and(
        eq(stripeChanges.subscriptionId, subscriptionId),
        isNull(stripeChanges.answeredAt),
        gt(stripeChanges.requestedAt, since),
      ),
    )
    .limit(1);
  return rows.length > 0;
}

export async function insertChange(tx: Tx, row: ChangeRow): Promise<void> {
  await tx.insert(stripeChanges).values(row);
}

export async function markAnswered(db: Queryable, id: string, at: Date): Promise<void> {
  await db.update(stripeChanges).set({ answeredAt: at }).where(eq(stripeChanges.id, id));
}

export async function insertRepayment(tx: Tx, row: RepaymentRow): Promise<void> {
  await tx.insert(repayments).values(row);
}

export async function saveRepaymentId(db: Queryable, id: string, externalId: string): Promise<void> {
  await db.update(repayments).set({ externalId }).where(eq(repayments.id, id));
}

/** The repayment that the same user requested with a key of this hash. */
export async function findRepayment(
  db: Queryable,
  { requestedBy, keyHash }: { requestedBy: string; keyHash: string },
): Promise<RepaymentRow | undefined> {
  const [row] = await db
    .select()
    .from(repayments)
    .where(and(eq(repayments.requestedBy, requestedBy), eq(repayments.keyHash, keyHash)));
  return row;
}

/** What was refunded of an account's payment requests, by their ids; one without a refund is absent. */
export async function refundedOfRequests(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const { invoiceId, amountMinor, kind } = repayments;
  const rows = await db
    .select({ id: invoiceId, sum: sql<number>`sum(${amountMinor})::int` })
    .from(repayments)
    .where(and(eq(repayments.accountId, accountId), inArray(invoiceId, [...ids]), eq(kind, 'refund')))
    .groupBy(invoiceId);
  return new Map(rows.map(({ id, sum }) => [id, sum]));
}
