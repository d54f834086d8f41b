import { and, eq, inArray } from 'drizzle-orm';
import type { Queryable } from '#libs/db/database.ts';
import { documents, documentVersions } from '#libs/db/schema/generations.ts';
import { kbFiles } from '#libs/db/schema/knowledge.ts';
import { findDocument } from '../documents/store.ts';

export { loadBrandVoice, loadPrompt } from '../instructions/store.ts';
export { firstPassages, retrievePassages } from '../knowledge-base/search-store.ts';
export { findRecording } from '../media/store.ts';

export type SourceDocument = { id: string; title: string; language: string | null; markdown: string };

/** The newest version of a document: that with an id, or the article of a job. */
export async function findSourceDocument(
  db: Queryable,
  accountId: string,
  { documentId, generationId }: { documentId?: string | undefined; generationId?: string | undefined },
): Promise<SourceDocument | undefined> {
  const isWanted =
    generationId === undefined
      ? eq(documents.id, documentId ?? '')
      : and(eq(documents.generationId, generationId), eq(documents.type, 'blog'));
  const [row] = await db
    .select({
      id: documents.id,
      title: documentVersions.title,
      language: documents.language,
      markdown: documentVersions.markdown,
    })
    .from(documents)
    .innerJoin(
      documentVersions,
      and(eq(documentVersions.documentId, documents.id), eq(documentVersions.version, documents.version)),
    )
    .where(and(eq(documents.accountId, accountId), isWanted))
    .orderBy(documents.id)
    .limit(1);
  return row;
}

/** Which of the files the account has. */
export async function findFiles(db: Queryable, accountId: string, ids: readonly string[]): Promise<string[]> {
  const rows = await db
    .select({ id: kbFiles.id })
    .from(kbFiles)
    .where(and(eq(kbFiles.accountId, accountId), inArray(kbFiles.id, [...ids])));
  return rows.map(({ id }) => id);
}

/** An article in one of its versions; undefined for another type. */
export async function findArticle(db: Queryable, accountId: string, id: string, version: number | null) {
  const found = await findDocument(db, accountId, id, version ?? undefined);
  if (found === undefined || found.document.type !== 'blog') return undefined;
  const { title, markdown, version: number } = found.version;
  return { id, language: found.document.language, title, markdown, version: number };
}
