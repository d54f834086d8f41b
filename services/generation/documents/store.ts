import { and, desc, eq, gte, inArray, lt } from 'drizzle-orm';
import type { DateRange, PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { documents, documentVersions } from '#libs/db/schema/generations.ts';
import type { DocumentRow, VersionRow } from './domain.ts';

export async function insertDocument(
  tx: Tx,
  document: typeof documents.$inferInsert,
  version: Pick<VersionRow, 'content' | 'markdown'>,
): Promise<void> {
  const { id, title, createdAt, userId = null } = document;
  await tx.insert(documents).values(document);
  await tx.insert(documentVersions).values({
    ...version,
    documentId: id,
    version: document.version,
    source: 'generated',
    title,
    userId,
    createdAt,
  });
}

/** The documents of several jobs. */
export function findDocumentsOf(db: Queryable, generationIds: readonly string[]) {
  const { id, generationId, type } = documents;
  return db
    .select({ id, generationId, type })
    .from(documents)
    .where(inArray(documents.generationId, [...generationIds]))
    .orderBy(documents.id);
}

export type DocumentFilter = PageQuery & {
  type?: string | undefined;
  generation_id?: string | undefined;
  range: DateRange;
};

/** Newest first, one more than the page has. */
export function listDocuments(
  db: Queryable,
  accountId: string,
  { limit, cursor, type, generation_id: generationId, range: { from, to } }: DocumentFilter,
): Promise<DocumentRow[]> {
  return db
    .select()
    .from(documents)
    .where(
      and(
        eq(documents.accountId, accountId),
        afterCursor(documents.id, cursor),
        type === undefined ? undefined : eq(documents.type, type),
        generationId === undefined ? undefined : eq(documents.generationId, generationId),
        from && gte(documents.createdAt, from),
        to && lt(documents.createdAt, to),
      ),
    )
    .orderBy(desc(documents.id))
    .limit(limit + 1);
}

/** A document with one of its versions, the newest unless given. */
export async function findDocument(
  db: Queryable,
  accountId: string,
  id: string,
  version?: number,
): Promise<{ document: DocumentRow; version: VersionRow } | undefined> {
  const [row] = await db
    .select({ document: documents, version: documentVersions })
    .from(documents)
    .innerJoin(
      documentVersions,
      and(
        eq(documentVersions.documentId, documents.id),
        eq(documentVersions.version, version ?? documents.version),
      ),
    )
    .where(and(eq(documents.accountId, accountId), eq(documents.id, id)));
  return row;
}

/** The document, locked until the transaction ends. */
export async function lockDocument(tx: Tx, accountId: string, id: string): Promise<DocumentRow | undefined> {
  const [row] = await tx
    .select()
    .from(documents)
    .where(and(eq(documents.accountId, accountId), eq(documents.id, id)))
    .for('update');
  return row;
}

/** Adds a version, which becomes the newest. */
export async function addVersion(tx: Tx, version: VersionRow): Promise<void> {
  const { documentId, title, createdAt } = version;
  await tx.insert(documentVersions).values(version);
  await tx
    .update(documents)
    .set({ version: version.version, title, updatedAt: createdAt })
    .where(eq(documents.id, documentId));
}

export function listVersions(db: Queryable, documentId: string) {
  const { version, source, title, userId, createdAt } = documentVersions;
  return db
    .select({ version, source, title, userId, createdAt })
    .from(documentVersions)
    .where(eq(documentVersions.documentId, documentId));
}
export type VersionSummary = Awaited<ReturnType<typeof listVersions>>[number];

/** @returns whether there was such a document. */
export async function deleteDocument(tx: Tx, accountId: string, id: string): Promise<boolean> {
  const deleted = await tx
    .delete(documents)
    .where(and(eq(documents.accountId, accountId), eq(documents.id, id)))
    .returning({ id: documents.id });
  return deleted.length > 0;
}

/** The newest versions of the documents of a job. */
export function findDocumentContents(db: Queryable, generationId: string) {
  const { content, markdown } = documentVersions;
  return db
    .select({ id: documents.id, type: documents.type, content, markdown })
    .from(documents)
    .innerJoin(
      documentVersions,
      and(eq(documentVersions.documentId, documents.id), eq(documentVersions.version, documents.version)),
    )
    .where(eq(documents.generationId, generationId));
}
export type StoredDocument = Awaited<ReturnType<typeof findDocumentContents>>[number];

/** The accounts that have documents which were not changed after a time. */
export async function findAccountsWithDocuments(db: Queryable, before: Date): Promise<string[]> {
  const rows = await db
    .selectDistinct({ accountId: documents.accountId })
    .from(documents)
    .where(lt(documents.updatedAt, before));
  return rows.map(({ accountId }) => accountId);
}

/** @returns how many were deleted. */
export async function deleteDocumentsBefore(db: Queryable, accountId: string, before: Date): Promise<number> {
  const deleted = await db
    .delete(documents)
    .where(and(eq(documents.accountId, accountId), lt(documents.updatedAt, before)))
    .returning({ id: documents.id });
  return deleted.length;
}
