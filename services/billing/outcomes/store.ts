import { and, desc, eq, inArray } from 'drizzle-orm';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { outcomeAgreements, outcomeMeasurements, outcomeMilestones } from '#libs/db/schema/billing.ts';
import { invoices } from '#libs/db/schema/stripe.ts';
import { within } from '#libs/db/within.ts';
import type { Agreement, AgreementDetails, Measurement, Milestone } from './domain.ts';

export async function insertAgreement(tx: Tx, agreement: Agreement): Promise<void> {
  await tx.insert(outcomeAgreements).values(agreement);
}

/** @param accountId where only an agreement of this account is wanted. */
export async function findAgreement(
  db: Queryable,
  id: string,
  accountId?: string,
): Promise<Agreement | undefined> {
  const isOwn = accountId === undefined ? undefined : eq(outcomeAgreements.accountId, accountId);
  const [row] = await db
    .select()
    .from(outcomeAgreements)
    .where(and(eq(outcomeAgreements.id, id), isOwn));
  return row;
}

/** The agreement, locked until the transaction ends. */
export async function lockAgreement(tx: Tx, id: string): Promise<Agreement | undefined> {
  const [row] = await tx.select().from(outcomeAgreements).where(eq(outcomeAgreements.id, id)).for('update');
  return row;
}

/** Newest first, one more than the page has. */
export function listAgreements(
  db: Queryable,
  accountId: string,
  { limit, cursor, ...range }: DatedPageQuery,
): Promise<Agreement[]> {
  return db
    .select()
    .from(outcomeAgreements)
    .where(
      and(
        eq(outcomeAgreements.accountId, accountId),
        afterCursor(outcomeAgreements.id, cursor),
        within(outcomeAgreements.createdAt, range),
      ),
    )
    .orderBy(desc(outcomeAgreements.id))
    .limit(limit + 1);
}

/** Adds milestones and latest measurements, in the order of the agreements. */
export async function detailsOf(
  db: Queryable,
  agreements: readonly Agreement[],
): Promise<AgreementDetails[]> {
  if (agreements.length === 0) return [];
  const ids = agreements.map(({ id }) => id);
  const milestones = await db
    .select()
    .from(outcomeMilestones)
    .where(inArray(outcomeMilestones.agreementId, ids));
  const latest = await db
    .selectDistinctOn([outcomeMeasurements.agreementId])
    .from(outcomeMeasurements)
    .where(inArray(outcomeMeasurements.agreementId, ids))
    .orderBy(
      outcomeMeasurements.agreementId,
      desc(outcomeMeasurements.measuredAt),
      desc(outcomeMeasurements.id),
    );
  return agreements.map((agreement) => ({
    agreement,
    milestones: milestones.filter(({ agreementId }) => agreementId === agreement.id),
    latest: latest.find(({ agreementId }) => agreementId === agreement.id),
  }));
}

export async function insertMeasurement(tx: Tx, measurement: Measurement): Promise<void> {
  await tx.insert(outcomeMeasurements).values(measurement);
}

/** Of several measurements of one time, the one that was added last. */
export async function findLatestMeasurement(
  db: Queryable,
  agreementId: string,
): Promise<Measurement | undefined> {
  const [row] = await db
    .select()
    .from(outcomeMeasurements)
    .where(eq(outcomeMeasurements.agreementId, agreementId))
    .orderBy(desc(outcomeMeasurements.measuredAt), desc(outcomeMeasurements.id))
    .limit(1);
  return row;
}

/** @returns the milestones that had not been reached before. */
export function insertMilestones(tx: Tx, reached: readonly Milestone[]): Promise<Milestone[]> {
  if (reached.length === 0) return Promise.resolve([]);
  return tx
    .insert(outcomeMilestones)
    .values([...reached])
    .onConflictDoNothing()
    .returning();
}

/** Saves what changes in the course of an agreement. It must be locked. */
export async function saveAgreement(
  tx: Tx,
  { id, status, achievedPercent, amountMinor, updatedAt }: Agreement,
): Promise<void> {
  await tx
    .update(outcomeAgreements)
    .set({ status, achievedPercent, amountMinor, updatedAt })
    .where(eq(outcomeAgreements.id, id));
}

/**
 * Saves the invoice of a due agreement, which is paid at once if the invoice is. The account must be locked, so that no
 * read of the invoice is saved in between.
 */
export async function saveInvoiceId(tx: Tx, id: string, invoiceId: string, now: Date): Promise<void> {
  await tx
    .update(outcomeAgreements)
    .set({ invoiceId, updatedAt: now })
    .where(and(eq(outcomeAgreements.id, id), eq(outcomeAgreements.status, 'due')));
  const [paid] = await tx
    .select({ id: invoices.id })
    .from(invoices)
    .where(and(eq(invoices.id, invoiceId), eq(invoices.status, 'paid')));
  if (paid !== undefined) await markInvoicePaid(tx, invoiceId, now);
}

/** Marks the agreement of an invoice as paid, if it has one. */
export async function markInvoicePaid(tx: Tx, invoiceId: string, now: Date): Promise<void> {
  await tx
    .update(outcomeAgreements)
    .set({ status: 'paid', updatedAt: now })
    .where(and(eq(outcomeAgreements.invoiceId, invoiceId), eq(outcomeAgreements.status, 'due')));
}
