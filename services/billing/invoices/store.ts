import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import type { DateRange } from '#libs/contracts/page.ts';
import type { Queryable } from '#libs/db/database.ts';
import { invoices } from '#libs/db/schema/stripe.ts';
import type { InvoiceRow } from '../payments/stripe/store.ts';

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

export type InvoiceFilter = DateRange & { accountId: string; status: string | undefined };

/** Newest first, after the invoice `cursor`. */
export function listInvoices(
  db: Queryable,
  { accountId, status, from, to }: InvoiceFilter,
  { limit, cursor }: { limit: number; cursor: InvoiceRow | undefined },
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
