import { and, desc, eq, gt, inArray, lte, ne, sql } from 'drizzle-orm';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Database, Queryable } from '#libs/db/database.ts';
import { mediaFiles } from '#libs/db/schema/knowledge.ts';
import { within } from '#libs/db/within.ts';
import type { MediaFile, Recording } from './domain.ts';

/** @returns false if a file with this id is stored already. */
export async function insertMedia(db: Queryable, file: MediaFile): Promise<boolean> {
  const inserted = await db
    .insert(mediaFiles)
    .values(file)
    .onConflictDoNothing()
    .returning({ id: mediaFiles.id });
  return inserted.length > 0;
}

/** Newest first, one more than the page has, without expired ones. */
export function listMediaFiles(
  db: Queryable,
  accountId: string,
  { limit, cursor, ...range }: DatedPageQuery,
  now: Date,
): Promise<MediaFile[]> {
  return db
    .select()
    .from(mediaFiles)
    .where(
      and(
        eq(mediaFiles.accountId, accountId),
        gt(mediaFiles.expiresAt, now),
        afterCursor(mediaFiles.id, cursor),
        within(mediaFiles.createdAt, range),
      ),
    )
    .orderBy(desc(mediaFiles.id))
    .limit(limit + 1);
}

export async function findMedia(db: Queryable, id: string): Promise<MediaFile | undefined> {
  const [file] = await db.select().from(mediaFiles).where(eq(mediaFiles.id, id));
  return file;
}

/** A recording of an account that is still stored. */
export async function findRecording(
  db: Queryable,
  accountId: string,
  id: string,
  now: Date,
): Promise<Recording | undefined> {
  const file = await findMedia(db, id);
  if (file === undefined || file.accountId !== accountId || file.expiresAt <= now) return undefined;
  return file.seconds === null ? undefined : { ...file, seconds: file.seconds };
}

export async function findAccountsWithMedia(db: Queryable): Promise<string[]> {
  const rows = await db.selectDistinct({ accountId: mediaFiles.accountId }).from(mediaFiles);
  return rows.map(({ accountId }) => accountId);
}

/** @returns how many files expire at another time than before. */
export async function setMediaRetention(
  db: Queryable,
  accountId: string,
  retentionMs: number,
): Promise<number> {
  const expiresAt = sql`${mediaFiles.createdAt} + ${retentionMs} * interval '1 millisecond'`;
  const changed = await db
    .update(mediaFiles)
    .set({ expiresAt })
    .where(and(eq(mediaFiles.accountId, accountId), ne(mediaFiles.expiresAt, expiresAt)))
    .returning({ id: mediaFiles.id });
  return changed.length;
}

export function findExpiredMedia(db: Database, now: Date, limit: number): Promise<MediaFile[]> {
  return db.select().from(mediaFiles).where(lte(mediaFiles.expiresAt, now)).limit(limit);
}

export async function deleteMediaRows(db: Queryable, ids: readonly string[]): Promise<void> {
  await db.delete(mediaFiles).where(inArray(mediaFiles.id, [...ids]));
}
