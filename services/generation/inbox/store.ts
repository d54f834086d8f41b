import { and, desc, eq, gte, inArray, isNull, lt, sql } from 'drizzle-orm';
import type { DateRange, PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { inboxMessages } from '#libs/db/schema/autopilots.ts';
import { documents, documentVersions, generations } from '#libs/db/schema/generations.ts';
import type { Draft, InboxMessage } from './domain.ts';

const isOne = (accountId: string, id: string) =>
  and(eq(inboxMessages.accountId, accountId), eq(inboxMessages.id, id));

type MessageFilter = PageQuery &
  DateRange & { status?: InboxMessage['status'] | undefined; network?: string | undefined };

/** The last added first, one more than the page has. */
export function listMessages(
  db: Queryable,
  accountId: string,
  { limit, cursor, status, network, from, to }: MessageFilter,
): Promise<InboxMessage[]> {
  return db
    .select()
    .from(inboxMessages)
    .where(
      and(
        eq(inboxMessages.accountId, accountId),
        afterCursor(inboxMessages.id, cursor),
        status === undefined ? undefined : eq(inboxMessages.status, status),
        network === undefined ? undefined : eq(inboxMessages.network, network),
        from === undefined ? undefined : gte(inboxMessages.receivedAt, from),
        to === undefined ? undefined : lt(inboxMessages.receivedAt, to),
      ),
    )
    .orderBy(desc(inboxMessages.id))
    .limit(limit + 1);
}

export async function findMessage(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<InboxMessage | undefined> {
  const [message] = await db.select().from(inboxMessages).where(isOne(accountId, id));
  return message;
}

/** @returns the message as it is stored, and whether it was there before. */
export async function insertMessage(
  db: Queryable,
  message: InboxMessage,
): Promise<{ message: InboxMessage; isNew: boolean }> {
  const { accountId, network, externalId } = message;
  for (;;) {
    const { rowCount } = await db.insert(inboxMessages).values(message).onConflictDoNothing();
    if (rowCount === 1) return { message, isNew: true };
    const [stored] = await db
      .select()
      .from(inboxMessages)
      .where(
        and(
          eq(inboxMessages.accountId, accountId),
          eq(inboxMessages.network, network),
          eq(inboxMessages.externalId, externalId),
        ),
      );
    // Unless it was deleted in between.
    if (stored !== undefined) return { message: stored, isNew: false };
  }
}

export async function updateMessage(
  db: Queryable,
  accountId: string,
  id: string,
  changes: Partial<InboxMessage>,
): Promise<InboxMessage | undefined> {
  const [message] = await db.update(inboxMessages).set(changes).where(isOne(accountId, id)).returning();
  return message;
}

/** Makes a content job the draft of a message, in the transaction that creates the job. */
export async function setDraft(tx: Tx, accountId: string, id: string, generationId: string): Promise<void> {
  await tx.update(inboxMessages).set({ draftId: generationId }).where(isOne(accountId, id));
}

/** The drafts of messages by the id of their job; those that were deleted are missing. */
export async function findDrafts(
  db: Queryable,
  messages: readonly InboxMessage[],
): Promise<Map<string, Draft>> {
  const ids = messages.flatMap(({ draftId }) => draftId ?? []);
  if (ids.length === 0) return new Map();
  const rows = await db
    .select({ id: generations.id, status: generations.status, content: documentVersions.content })
    .from(generations)
    .leftJoin(documents, and(eq(documents.generationId, generations.id), eq(documents.type, 'reply')))
    .leftJoin(
      documentVersions,
      and(eq(documentVersions.documentId, documents.id), eq(documentVersions.version, documents.version)),
    )
    .where(inArray(generations.id, ids));
  return new Map(
    rows.map(({ id, status, content }) => [id, { generationId: id, status: draftStatus(status), content }]),
  );
}

function draftStatus(status: (typeof generations.$inferSelect)['status']): Draft['status'] {
  if (status === 'completed') return 'completed';
  return status === 'failed' || status === 'cancelled' ? 'failed' : 'running';
}

/** The content jobs that drafted replies to a message. */
const isDraftOf = (accountId: string, id: string) =>
  // Drizzle has no operator for a field of JSON.
  and(eq(generations.accountId, accountId), eq(sql`${generations.context} #>> '{inputs,message,id}'`, id));

/** Whether a reply to a message is being drafted. */
export async function isDrafting(db: Queryable, accountId: string, id: string): Promise<boolean> {
  const running = await db
    .select({ id: generations.id })
    .from(generations)
    .where(and(isDraftOf(accountId, id), isNull(generations.finishedAt)))
    .limit(1);
  return running.length > 0;
}

/** Deletes a message with the jobs and documents of its drafts. @returns whether there was one. */
export async function deleteMessage(tx: Tx, accountId: string, id: string): Promise<boolean> {
  const { rowCount } = await tx.delete(inboxMessages).where(isOne(accountId, id));
  if (rowCount !== 1) return false;
  const jobs = await tx.delete(generations).where(isDraftOf(accountId, id)).returning({ id: generations.id });
  const ids = jobs.map((job) => job.id);
  if (ids.length > 0) await tx.delete(documents).where(inArray(documents.generationId, ids));
  return true;
}

/** The accounts that have messages which were not changed after a time. */
export async function findAccountsWithMessages(db: Queryable, before: Date): Promise<string[]> {
  const rows = await db
    .selectDistinct({ accountId: inboxMessages.accountId })
    .from(inboxMessages)
    .where(lt(inboxMessages.updatedAt, before));
  return rows.map(({ accountId }) => accountId);
}

/** Messages of an account that were not changed after a time. */
export async function findMessagesBefore(
  db: Queryable,
  accountId: string,
  before: Date,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .select({ id: inboxMessages.id })
    .from(inboxMessages)
    .where(and(eq(inboxMessages.accountId, accountId), lt(inboxMessages.updatedAt, before)))
    .limit(limit);
  return rows.map(({ id }) => id);
}
