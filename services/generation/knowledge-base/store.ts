import { and, desc, eq, getTableColumns } from 'drizzle-orm';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { kbFiles } from '#libs/db/schema/knowledge.ts';
import { within } from '#libs/db/within.ts';
import type { KbFile, KbFileSummary } from './domain/file.ts';

const { content: _, ...summaryColumns } = getTableColumns(kbFiles);

const fileOf = (accountId: string, id: string) => and(eq(kbFiles.accountId, accountId), eq(kbFiles.id, id));

/** Newest first, one more than the page has. */
export function listKbFiles(
  db: Queryable,
  accountId: string,
  { limit, cursor, ...range }: DatedPageQuery,
): Promise<KbFileSummary[]> {
  return db
    .select(summaryColumns)
    .from(kbFiles)
    .where(
      and(
        eq(kbFiles.accountId, accountId),
        afterCursor(kbFiles.id, cursor),
        within(kbFiles.createdAt, range),
      ),
    )
    .orderBy(desc(kbFiles.id))
    .limit(limit + 1);
}

export async function findKbFile(db: Queryable, accountId: string, id: string): Promise<KbFile | undefined> {
  const [file] = await db.select().from(kbFiles).where(fileOf(accountId, id));
  return file;
}

export async function insertKbFile(tx: Tx, file: KbFile): Promise<void> {
  await tx.insert(kbFiles).values(file);
}

/** @returns the deleted file; undefined if there is none. */
export async function deleteKbFile(
  tx: Tx,
  accountId: string,
  id: string,
): Promise<KbFileSummary | undefined> {
  const [file] = await tx.delete(kbFiles).where(fileOf(accountId, id)).returning(summaryColumns);
  return file;
}
