import { and, eq } from 'drizzle-orm';
import type { PublicationProvider } from '#libs/contracts/integrations.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { documentPublications } from '#libs/db/schema/integrations.ts';
import { findDocument, lockDocument } from '../documents/store.ts';
import type { PublicationRow } from './domain/publication.ts';

export { findDocument, lockDocument };

export function listPublications(db: Queryable, documentId: string): Promise<PublicationRow[]> {
  return db
    .select()
    .from(documentPublications)
    .where(eq(documentPublications.documentId, documentId))
    .orderBy(documentPublications.provider);
}

export async function findPublication(
  db: Queryable,
  documentId: string,
  provider: PublicationProvider,
): Promise<PublicationRow | undefined> {
  const [row] = await db
    .select()
    .from(documentPublications)
    .where(and(eq(documentPublications.documentId, documentId), eq(documentPublications.provider, provider)));
  return row;
}

/** Records a request to publish. The page of an earlier publication stays known. */
export async function requestPublication(
  tx: Tx,
  {
    now,
    ...row
  }: Pick<PublicationRow, 'documentId' | 'provider' | 'accountId' | 'requestId'> & { now: Date },
): Promise<PublicationRow> {
  const request = {
    status: 'publishing',
    requestId: row.requestId,
    attempts: 0,
    errorCode: null,
    errorDetail: null,
    requestedAt: now,
    updatedAt: now,
  } as const;
  return only(
    await tx
      .insert(documentPublications)
      .values({ ...row, ...request })
      .onConflictDoUpdate({
        target: [documentPublications.documentId, documentPublications.provider],
        set: request,
      })
      .returning(),
  );
}

/** Remembers the page at the provider, for this request and all later ones. */
export async function recordPage(
  db: Queryable,
  { documentId, provider }: Pick<PublicationRow, 'documentId' | 'provider'>,
  page: Partial<Pick<PublicationRow, 'externalId' | 'url' | 'creationSentAt'>>,
): Promise<void> {
  await db
    .update(documentPublications)
    .set(page)
    .where(and(eq(documentPublications.documentId, documentId), eq(documentPublications.provider, provider)));
}

/** Changes a publication while it serves the same request. @returns whether it still does. */
export async function updatePublication(
  db: Queryable,
  { documentId, provider, requestId }: PublicationRow,
  changes: Partial<PublicationRow>,
): Promise<boolean> {
  const { rowCount } = await db
    .update(documentPublications)
    .set(changes)
    .where(
      and(
        eq(documentPublications.documentId, documentId),
        eq(documentPublications.provider, provider),
        eq(documentPublications.requestId, requestId),
      ),
    );
  return rowCount === 1;
}
