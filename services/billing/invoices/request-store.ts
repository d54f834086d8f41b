/** Payment requests that are paid without a provider, read as invoices. */
import { and, desc, eq, gt, gte, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { paymentRequests } from '#libs/db/schema/billing.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import { findManualRequest } from '../payments/store.ts';
import type { InvoiceFilter, InvoicePage } from './store.ts';

export { refundedOfRequests } from '../payments/change-store.ts';

/** Another account's request is not found. */
export async function findRequest(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<PaymentRequest | undefined> {
  const request = await findManualRequest(db, id);
  return request?.accountId === accountId ? request : undefined;
}

/** Newest first, after the invoice `cursor`. */
export async function listRequests(
  db: Queryable,
  { accountId, status, from, to }: InvoiceFilter,
  { limit, cursor }: InvoicePage,
  now: Date,
): Promise<PaymentRequest[]> {
  const { id, createdAt, driver } = paymentRequests;
  if (status === 'draft' || status === 'uncollectible') return [];
  return db
    .select()
    .from(paymentRequests)
    .where(
      and(
        eq(paymentRequests.accountId, accountId),
        eq(driver, 'manual'),
        status && hasStatus(status, now),
        from && gte(createdAt, from),
        to && lt(createdAt, to),
        // The cursor may be an invoice of the provider, whose id is no UUID.
        cursor && sql`(${createdAt}, ${id}::text) < (${cursor.createdAt}, ${cursor.id})`,
      ),
    )
    .orderBy(desc(createdAt), desc(id))
    .limit(limit);
}

/** An open request that has expired is void, also before a task has marked it. */
function hasStatus(wanted: PaymentRequest['status'], now: Date): SQL | undefined {
  const { status, expiresAt } = paymentRequests;
  const isOpen = eq(status, 'open');
  if (wanted === 'open') return and(isOpen, gt(expiresAt, now));
  if (wanted === 'void') return or(eq(status, 'void'), and(isOpen, lte(expiresAt, now)));
  return eq(status, wanted);
}
