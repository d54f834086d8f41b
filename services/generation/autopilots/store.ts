import { and, asc, count, desc, eq, lte } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { autopilots } from '#libs/db/schema/autopilots.ts';
import { findDocument } from '../documents/store.ts';
import type { Autopilot } from './domain/autopilot.ts';
import type { PlanEntry } from './domain/run.ts';

export { findAccountConnections } from '../social/connections-store.ts';

const isOne = (accountId: string, id: string) =>
  and(eq(autopilots.accountId, accountId), eq(autopilots.id, id));

/** Newest first, one more than the page has. */
export function listAutopilots(
  db: Queryable,
  accountId: string,
  { limit, cursor, status }: PageQuery & { status?: Autopilot['status'] | undefined },
): Promise<Autopilot[]> {
  return db
    .select()
    .from(autopilots)
    .where(
      and(
        eq(autopilots.accountId, accountId),
        afterCursor(autopilots.id, cursor),
        status === undefined ? undefined : eq(autopilots.status, status),
      ),
    )
    .orderBy(desc(autopilots.id))
    .limit(limit + 1);
}

export async function findAutopilot(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<Autopilot | undefined> {
  const [found] = await db.select().from(autopilots).where(isOne(accountId, id));
  return found;
}

/** The same, locked until the transaction ends. */
export async function lockAutopilot(tx: Tx, accountId: string, id: string): Promise<Autopilot | undefined> {
  const [found] = await tx.select().from(autopilots).where(isOne(accountId, id)).for('update');
  return found;
}

export async function countAutopilots(db: Queryable, accountId: string): Promise<number> {
  const rows = await db
    .select({ total: count() })
    .from(autopilots)
    .where(eq(autopilots.accountId, accountId));
  return only(rows).total;
}

export async function insertAutopilot(db: Queryable, autopilot: Autopilot): Promise<void> {
  await db.insert(autopilots).values(autopilot);
}

export async function updateAutopilot(tx: Tx, id: string, changes: Partial<Autopilot>): Promise<void> {
  if (Object.keys(changes).length > 0) await tx.update(autopilots).set(changes).where(eq(autopilots.id, id));
}

/** With its runs. */
export async function deleteAutopilot(tx: Tx, id: string): Promise<void> {
  await tx.delete(autopilots).where(eq(autopilots.id, id));
}

/** Active autopilots whose time has come, the longest overdue first. */
export function findDueAutopilots(db: Queryable, now: Date, limit: number): Promise<Autopilot[]> {
  return db
    .select()
    .from(autopilots)
    .where(and(eq(autopilots.status, 'active'), lte(autopilots.nextRunAt, now)))
    .orderBy(asc(autopilots.nextRunAt))
    .limit(limit);
}

/** The entries of a content plan in its newest version; null if there is no such document. */
export async function findPlanEntries(
  db: Queryable,
  accountId: string,
  documentId: string,
): Promise<PlanEntry[] | null> {
  const found = await findDocument(db, accountId, documentId);
  if (found === undefined || found.document.type !== 'content_plan') return null;
  const { entries } = found.version.content as { entries?: PlanEntry[] };
  return Array.isArray(entries) ? entries : null;
}
