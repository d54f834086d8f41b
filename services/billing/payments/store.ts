import { and, desc, eq, gte, isNull, lt, or, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { DateRange } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { paymentRequests } from '#libs/db/schema/billing.ts';
import type { PaymentRequest } from './domain.ts';

export async function findOpenRequest(db: Queryable, accountId: string): Promise<PaymentRequest | undefined> {
  const [row] = await db
    .select()
    .from(paymentRequests)
    .where(and(eq(paymentRequests.accountId, accountId), eq(paymentRequests.status, 'open')));
  return row;
}

/** The account's open request, and the one with this id if it belongs to the account. */
export function findOpenOrNamedRequests(
  db: Queryable,
  accountId: string,
  requestId: string | undefined,
): Promise<PaymentRequest[]> {
  const isOpen = eq(paymentRequests.status, 'open');
  const isWanted = requestId === undefined ? isOpen : or(isOpen, eq(paymentRequests.id, requestId));
  return db
    .select()
    .from(paymentRequests)
    .where(and(eq(paymentRequests.accountId, accountId), isWanted));
}

export function findRequestsById(db: Queryable, id: string): Promise<PaymentRequest[]> {
  return db.select().from(paymentRequests).where(eq(paymentRequests.id, id));
}

/** The request of a manual payment. Ids of the provider's invoices, which are no UUIDs, find none. */
export async function findManualRequest(db: Queryable, id: string): Promise<PaymentRequest | undefined> {
  if (!z.uuid().safeParse(id).success) return undefined;
  const [request] = await findRequestsById(db, id);
  return request?.driver === 'manual' ? request : undefined;
}

/** The account that a request belongs to. */
export async function findPayer(db: Queryable, requestId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ accountId: paymentRequests.accountId })
    .from(paymentRequests)
    .where(eq(paymentRequests.id, requestId));
  return row?.accountId;
}

export async function insertRequest(tx: Tx, request: PaymentRequest): Promise<void> {
  await tx.insert(paymentRequests).values(request);
}

/** Saves that an open request is paid or void. @throws Error where it is not open, which the account's lock rules out. */
export async function saveResolution(
  tx: Tx,
  { id, status, periodStart, periodEnd, settledAt, settledBy, note }: PaymentRequest,
): Promise<void> {
  only(
    await tx
      .update(paymentRequests)
      .set({ status, periodStart, periodEnd, settledAt, settledBy, note })
      .where(and(eq(paymentRequests.id, id), eq(paymentRequests.status, 'open')))
      .returning({ id: paymentRequests.id }),
  );
}

/** Saves the driver's first order for a request; later ones change nothing. */
export async function saveOrder(
  db: Queryable,
  requestId: string,
  { reference, instructions }: { reference: string; instructions: string },
): Promise<PaymentRequest> {
  return only(
    await db
      .update(paymentRequests)
      .set({
        driverReference: sql`coalesce(${paymentRequests.driverReference}, ${reference})`,
        instructions: sql`coalesce(${paymentRequests.instructions}, ${instructions})`,
      })
      .where(eq(paymentRequests.id, requestId))
      .returning(),
  );
}

/** Open requests that no driver has accepted yet, the oldest first. */
export function uncollectedRequests(db: Queryable, limit: number): Promise<PaymentRequest[]> {
  return db
    .select()
    .from(paymentRequests)
    .where(and(eq(paymentRequests.status, 'open'), isNull(paymentRequests.driverReference)))
    .orderBy(paymentRequests.id)
    .limit(limit);
}

export type PaymentRequestFilter = DateRange & {
  status: PaymentRequest['status'] | undefined;
  accountId: string | undefined;
};

/** Newest first, after the request `cursor`. */
export function listRequests(
  db: Queryable,
  { status, accountId, from, to }: PaymentRequestFilter,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<PaymentRequest[]> {
  return db
    .select()
    .from(paymentRequests)
    .where(
      and(
        afterCursor(paymentRequests.id, cursor),
        status === undefined ? undefined : eq(paymentRequests.status, status),
        accountId === undefined ? undefined : eq(paymentRequests.accountId, accountId),
        from && gte(paymentRequests.createdAt, from),
        to && lt(paymentRequests.createdAt, to),
      ),
    )
    .orderBy(desc(paymentRequests.id))
    .limit(limit);
}
