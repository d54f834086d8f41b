import { and, desc, eq, gt, lte, notInArray, sql } from 'drizzle-orm';
import type { ConversationItem, ModelResponse } from '#libs/contracts/responses.ts';
import type { Database } from '#libs/db/database.ts';
import { storedModelResponses } from '#libs/db/schema/gateway.ts';
import {
  MAX_RESPONSES,
  type ResponseOwner,
  STORED_FOR_MS,
  type StoredConversation,
} from './domain/conversation.ts';

const ofOwner = ({ accountId, endUserId }: ResponseOwner, id: string) =>
  and(
    eq(storedModelResponses.accountId, accountId),
    eq(storedModelResponses.id, id),
    endUserId === null ? undefined : eq(storedModelResponses.endUserId, endUserId),
  );

export async function insertResponse(
  db: Database,
  { accountId, endUserId }: ResponseOwner,
  { response, items }: StoredConversation,
  now: Date,
): Promise<void> {
  await db
    .insert(storedModelResponses)
    .values({
      id: response.id,
      accountId,
      endUserId,
      response: Buffer.from(JSON.stringify(response)),
      items: Buffer.from(JSON.stringify(items)),
      createdAt: now,
      expiresAt: new Date(now.getTime() + STORED_FOR_MS),
    })
    .onConflictDoNothing();
}

export async function findResponse(
  db: Database,
  owner: ResponseOwner,
  id: string,
  now: Date,
): Promise<StoredConversation | undefined> {
  const [row] = await db
    .select()
    .from(storedModelResponses)
    .where(and(ofOwner(owner, id), gt(storedModelResponses.expiresAt, now)));
  if (row === undefined) return undefined;
  return {
    response: JSON.parse(row.response.toString('utf8')) as ModelResponse,
    items: JSON.parse(row.items.toString('utf8')) as ConversationItem[],
  };
}

/** @returns whether there was one. */
export async function deleteResponse(db: Database, owner: ResponseOwner, id: string): Promise<boolean> {
  const { rowCount } = await db.delete(storedModelResponses).where(ofOwner(owner, id));
  return (rowCount ?? 0) > 0;
}

/** Deletes responses past their lifetime, and the oldest of accounts that have too many. @returns how many. */
export async function deleteOldResponses(db: Database, now: Date): Promise<number> {
  const expired = await db.delete(storedModelResponses).where(lte(storedModelResponses.expiresAt, now));
  let count = expired.rowCount ?? 0;
  const full = await db
    .select({ accountId: storedModelResponses.accountId })
    .from(storedModelResponses)
    .groupBy(storedModelResponses.accountId)
    .having(gt(sql`count(*)`, MAX_RESPONSES));
  for (const { accountId } of full) {
    const newest = db
      .select({ id: storedModelResponses.id })
      .from(storedModelResponses)
      .where(eq(storedModelResponses.accountId, accountId))
      .orderBy(desc(storedModelResponses.createdAt), desc(storedModelResponses.id))
      .limit(MAX_RESPONSES);
    const { rowCount } = await db
      .delete(storedModelResponses)
      .where(and(eq(storedModelResponses.accountId, accountId), notInArray(storedModelResponses.id, newest)));
    count += rowCount ?? 0;
  }
  return count;
}
