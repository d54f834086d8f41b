import { and, eq, gt, inArray, lte } from 'drizzle-orm';
import type { Database } from '#libs/db/database.ts';
import { idempotencyKeys } from '#libs/db/schema/gateway.ts';
import { type CompletedResponse, KEY_LIFETIME_MS, type KeyName, type KeyRecord } from './domain.ts';

const named = ({ accountId, key }: KeyName) =>
  and(eq(idempotencyKeys.accountId, accountId), eq(idempotencyKeys.key, key));

/** Claims a key for a request, unless it is in use. @returns whether it was claimed. */
export async function claimKey(
  db: Database,
  name: KeyName,
  claim: { bodyHash: string; requestId: string; now: Date; leaseUntil: Date },
): Promise<boolean> {
  const { now, ...rest } = claim;
  const values = {
    ...rest,
    state: 'running',
    createdAt: now,
    expiresAt: new Date(now.getTime() + KEY_LIFETIME_MS),
  } as const;
  const { rowCount } = await db
    .insert(idempotencyKeys)
    .values({ ...name, ...values })
    .onConflictDoUpdate({
      target: [idempotencyKeys.accountId, idempotencyKeys.key],
      set: { ...values, status: null, headers: null, body: null },
      setWhere: lte(idempotencyKeys.expiresAt, now),
    });
  return rowCount === 1;
}

export async function findKey(db: Database, name: KeyName, now: Date): Promise<KeyRecord | undefined> {
  const [row] = await db
    .select()
    .from(idempotencyKeys)
    .where(and(named(name), gt(idempotencyKeys.expiresAt, now)));
  if (row === undefined) return undefined;
  const { bodyHash, requestId, leaseUntil, status, headers, body } = row;
  const isDone = status !== null && headers !== null && body !== null;
  return {
    bodyHash,
    requestId,
    leaseUntil,
    response: isDone ? { status, headers: headers as Record<string, string>, body } : null,
  };
}

/** Takes a key over from a request whose lease has expired. @returns false if another request was first. */
export async function takeOverKey(
  db: Database,
  name: KeyName,
  from: Pick<KeyRecord, 'requestId' | 'leaseUntil'>,
  to: { requestId: string; leaseUntil: Date },
): Promise<boolean> {
  const { rowCount } = await db
    .update(idempotencyKeys)
    .set(to)
    .where(
      and(
        named(name),
        eq(idempotencyKeys.requestId, from.requestId),
        eq(idempotencyKeys.state, 'running'),
        eq(idempotencyKeys.leaseUntil, from.leaseUntil),
      ),
    );
  return rowCount === 1;
}

export async function renewLeases(
  db: Database,
  requestIds: readonly string[],
  leaseUntil: Date,
): Promise<void> {
  await db
    .update(idempotencyKeys)
    .set({ leaseUntil })
    .where(and(inArray(idempotencyKeys.requestId, [...requestIds]), eq(idempotencyKeys.state, 'running')));
}

export async function storeResponse(
  db: Database,
  name: KeyName,
  requestId: string,
  { status, headers, body }: CompletedResponse,
): Promise<void> {
  await db
    .update(idempotencyKeys)
    .set({ state: 'done', status, headers, body })
    .where(and(named(name), eq(idempotencyKeys.requestId, requestId)));
}

/** Frees a key whose request spent nothing. */
export async function releaseKey(db: Database, name: KeyName, requestId: string): Promise<void> {
  await db
    .delete(idempotencyKeys)
    .where(and(named(name), eq(idempotencyKeys.requestId, requestId), eq(idempotencyKeys.state, 'running')));
}

/** Deletes keys past their lifetime. @returns how many. */
export async function purgeExpiredKeys(db: Database, now: Date): Promise<number> {
  const { rowCount } = await db.delete(idempotencyKeys).where(lte(idempotencyKeys.expiresAt, now));
  return rowCount ?? 0;
}
