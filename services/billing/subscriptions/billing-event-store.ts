import { and, desc, eq, gte, lt } from 'drizzle-orm';
import type { DateRange } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable } from '#libs/db/database.ts';
import { billingEvents } from '#libs/db/schema/billing.ts';
import type { BillingEvent } from './domain/billing-event.ts';

/** @returns false where this kind was recorded for the subject before. */
export async function insertBillingEvent(db: Queryable, { at, ...event }: BillingEvent): Promise<boolean> {
  const inserted = await db
    .insert(billingEvents)
    .values({ ...event, occurredAt: at })
    .onConflictDoNothing({
      target: [billingEvents.accountId, billingEvents.kind, billingEvents.subject],
    })
    .returning({ id: billingEvents.id });
  return inserted.length > 0;
}

export type BillingEventFilter = Partial<DateRange> & {
  accountId: string | undefined;
  kind: BillingEvent['kind'] | undefined;
};

/** Newest first, after the event `cursor`. */
export async function listBillingEvents(
  db: Queryable,
  { accountId, kind, from, to }: BillingEventFilter,
  { limit, cursor }: { limit: number; cursor: string | undefined },
): Promise<BillingEvent[]> {
  const rows = await db
    .select()
    .from(billingEvents)
    .where(
      and(
        afterCursor(billingEvents.id, cursor),
        accountId === undefined ? undefined : eq(billingEvents.accountId, accountId),
        kind === undefined ? undefined : eq(billingEvents.kind, kind),
        from && gte(billingEvents.occurredAt, from),
        to && lt(billingEvents.occurredAt, to),
      ),
    )
    .orderBy(desc(billingEvents.id))
    .limit(limit);
  return rows.map(({ occurredAt: at, ...row }) => ({ ...row, at }));
}
