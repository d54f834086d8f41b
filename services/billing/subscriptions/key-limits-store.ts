import { and, eq } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { keyLimits } from '#libs/db/schema/billing.ts';
import type { KeyLimit } from './domain/ledger-limits.ts';

export function findKeyLimits(db: Queryable, accountId: string): Promise<KeyLimit[]> {
  const { keyId, meter, window, amount } = keyLimits;
  return db
    .select({ keyId, meter, window, amount })
    .from(keyLimits)
    .where(eq(keyLimits.accountId, accountId));
}

/** Replaces the limits of one key. They are in force once `applyLimits` has run in the same transaction. */
export async function replaceKeyLimits(
  tx: Tx,
  { accountId, keyId }: { accountId: string; keyId: string },
  limits: readonly Omit<KeyLimit, 'keyId'>[],
  now: Date,
): Promise<void> {
  await tx.delete(keyLimits).where(and(eq(keyLimits.accountId, accountId), eq(keyLimits.keyId, keyId)));
  if (limits.length === 0) return;
  await tx.insert(keyLimits).values(limits.map((limit) => ({ ...limit, accountId, keyId, updatedAt: now })));
}
