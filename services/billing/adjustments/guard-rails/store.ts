import { and, eq } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { guardRailSettings } from '#libs/db/schema/billing.ts';
import { type GuardRailRow, type GuardRailTarget, targetId } from './domain.ts';

export function listGuardRails(db: Queryable): Promise<GuardRailRow[]> {
  return db.select().from(guardRailSettings);
}

export async function findGuardRail(
  db: Queryable,
  target: GuardRailTarget,
): Promise<GuardRailRow | undefined> {
  const [row] = await db.select().from(guardRailSettings).where(isFor(target));
  return row;
}

export async function saveGuardRail(tx: Tx, row: GuardRailRow): Promise<void> {
  const { targetKind, target } = guardRailSettings;
  await tx
    .insert(guardRailSettings)
    .values(row)
    .onConflictDoUpdate({ target: [targetKind, target], set: row });
}

export async function deleteGuardRail(tx: Tx, target: GuardRailTarget): Promise<void> {
  await tx.delete(guardRailSettings).where(isFor(target));
}

function isFor(target: GuardRailTarget) {
  return and(eq(guardRailSettings.targetKind, target.kind), eq(guardRailSettings.target, targetId(target)));
}
