import { and, desc, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import type { InvoiceStatus } from '#libs/contracts/billing.ts';
import type { DateRange } from '#libs/contracts/page.ts';
import type { Queryable } from '#libs/db/database.ts';
import { invoices, payments, refunds } from '#libs/db/schema/stripe.ts';
import { COUNTED_REFUND, type InvoiceRow } from '../payments/stripe/store.ts';

/** Another account's invoice is not found. */
export async function findInvoice(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<InvoiceRow | undefined> {
  const [row] = await db
    .select()
    .from(invoices)
    .where(and(eq(invoices.accountId, accountId), eq(invoices.id, id)));
  return row;
}

export type InvoiceFilter = DateRange & { accountId: string; status: InvoiceStatus | undefined };
export type InvoicePage = { limit: number; cursor: { id: string; createdAt: Date } | undefined };

/** Newest first, after the invoice `cursor`. */
export function listInvoices(
  db: Queryable,
  { accountId, status, from, to }: InvoiceFilter,
  { limit, cursor }: InvoicePage,
): Promise<InvoiceRow[]> {
  return db
    .select()
    .from(invoices)
    .where(
      and(
        eq(invoices.accountId, accountId),
        status === undefined ? undefined : eq(invoices.status, status),
        from && gte(invoices.createdAt, from),
        to && lt(invoices.createdAt, to),
        // Invoices of one second are ordered by id.
        cursor && sql`(${invoices.createdAt}, ${invoices.id}) < (${cursor.createdAt}, ${cursor.id})`,
      ),
    )
    .orderBy(desc(invoices.createdAt), desc(invoices.id))
    .limit(limit);
}

/** What was refunded of an account's invoices, by their ids; one without a refund is absent. */
export async function refundedOfInvoices(
  db: Queryable,
  accountId: string,
  ids: readonly string[],
): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: payments.invoiceId, sum: sql<number>`sum(${refunds.amountMinor})::int` })
    .from(refunds)
    .innerJoin(payments, eq(payments.id, refunds.paymentId))
    .where(and(eq(refunds.accountId, accountId), inArray(payments.invoiceId, [...ids]), COUNTED_REFUND))
    .groupBy(payments.invoiceId);
  return new Map(rows.map(({ id, sum }) => [id, sum]));
}
