/** Invoices with their payments, as last read at Stripe. */
import { isDeepStrictEqual } from 'node:util';
import { getTableColumns, sql } from 'drizzle-orm';
import type { Tx } from '#libs/db/database.ts';
import { invoices, payments } from '#libs/db/schema/stripe.ts';
import { markInvoicePaid } from '../../outcomes/store.ts';
import { findInvoicesById, type InvoiceRow, type PaymentRow } from './store.ts';

/** Nothing about such an invoice changes, unless the invoice itself does. */
const FINAL = ['paid', 'void', 'uncollectible'];

export type ReadInvoice = { row: InvoiceRow; payments: readonly PaymentRow[] };

/**
 * Saves what has changed, unless a newer read has been saved. An account has few invoices that change, and many that do not.
 *
 * @returns the invoices that changed, or may have.
 */
export async function saveInvoices(tx: Tx, read: readonly ReadInvoice[]): Promise<ReadInvoice[]> {
  const stored = new Map(
    (
      await findInvoicesById(
        tx,
        read.map(({ row }) => row.id),
      )
    ).map((row) => [row.id, row]),
  );
  const changed = read.filter(({ row }) => !isUnchanged(row, stored.get(row.id)));
  if (changed.length === 0) return changed;
  await tx
    .insert(invoices)
    .values(changed.map(({ row }) => row))
    .onConflictDoUpdate({ target: invoices.id, ...replacedByNewer(invoices) });
  await markOutcomesPaid(tx, changed);
  const paid = changed.flatMap((invoice) => invoice.payments);
  if (paid.length === 0) return changed;
  await tx
    .insert(payments)
    .values(paid)
    .onConflictDoUpdate({ target: payments.id, ...replacedByNewer(payments) });
  return changed;
}

async function markOutcomesPaid(tx: Tx, changed: readonly ReadInvoice[]): Promise<void> {
  for (const { row } of changed) {
    const { id, subscriptionId, status, paidAt } = row;
    if (subscriptionId === null && status === 'paid' && paidAt !== null)
      await markInvoicePaid(tx, id, paidAt);
  }
}

/** Drizzle has no shorthand for all columns of the row that conflicts. */
function replacedByNewer(table: typeof invoices | typeof payments) {
  const columns = Object.entries(getTableColumns(table));
  return {
    set: Object.fromEntries(
      columns.map(([name, column]) => [name, sql`excluded.${sql.identifier(column.name)}`]),
    ),
    setWhere: sql`${table.readNumber} < excluded.read_number`,
  };
}

function isUnchanged(row: InvoiceRow, stored: InvoiceRow | undefined): boolean {
  if (stored === undefined || !FINAL.includes(row.status)) return false;
  return isDeepStrictEqual({ ...row, readNumber: 0n }, { ...stored, readNumber: 0n });
}
