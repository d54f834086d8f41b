/** Jobs that share a result. */
import { and, asc, desc, eq, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { documents, documentVersions, generations } from '#libs/db/schema/generations.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import type { GenerationRow } from './domain/job.ts';

/** Makes equal requests wait for each other, until the transaction ends. */
export async function lockCacheKey(tx: Tx, key: string): Promise<void> {
  // An advisory lock, which Drizzle cannot express.
  await tx.execute(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`generation-cache ${key}`}, 0))`);
}

/** The task that completes the jobs that waited for another one. */
export const RESOLVE_COPIES = 'resolve-generation-copies';

/** Enough to find one whose documents still exist. */
const MAX_SOURCES = 5;

/**
 * Jobs with a key that were written, newest first: those that completed after a time, then those that run.
 */
export async function findSources(
  tx: Tx,
  key: string,
  exceptId: string,
  completedAfter: Date,
): Promise<string[]> {
  const rows = await tx
    .select({ id: generations.id })
    .from(generations)
    .where(
      and(
        eq(generations.cacheKey, key),
        isNull(generations.copyOf),
        ne(generations.id, exceptId),
        or(
          inArray(generations.status, ['queued', 'running']),
          and(eq(generations.status, 'completed'), gt(generations.finishedAt, completedAfter)),
        ),
      ),
    )
    .orderBy(desc(sql`${generations.status} = 'completed'`), desc(generations.id))
    .limit(MAX_SOURCES);
  return rows.map(({ id }) => id);
}

/** The jobs that wait for the result of another one, oldest first. */
export async function findWaitingCopies(db: Queryable, sourceId: string): Promise<string[]> {
  const rows = await db
    .select({ id: generations.id })
    .from(generations)
    .where(and(eq(generations.copyOf, sourceId), isNull(generations.finishedAt)))
    .orderBy(asc(generations.id));
  return rows.map(({ id }) => id);
}

export type SharedDocument = {
  document: typeof documents.$inferSelect;
  version: typeof documentVersions.$inferSelect;
};

/** The documents of a job as they were written, before anyone edited them. */
export function findFirstVersions(tx: Tx, { id }: Pick<GenerationRow, 'id'>): Promise<SharedDocument[]> {
  return tx
    .select({ document: documents, version: documentVersions })
    .from(documents)
    .innerJoin(
      documentVersions,
      and(eq(documentVersions.documentId, documents.id), eq(documentVersions.version, 1)),
    )
    .where(eq(documents.generationId, id))
    .orderBy(asc(documents.id));
}

/** Enqueues the completion of the jobs that wait for one that has ended. */
export async function resolveCopies(tx: Tx, { id, cacheKey, finishedAt }: GenerationRow): Promise<void> {
  if (cacheKey === null || finishedAt === null) return;
  if ((await findWaitingCopies(tx, id)).length > 0) await enqueue(tx, RESOLVE_COPIES, { generationId: id });
}
