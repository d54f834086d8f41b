import {
  and,
  arrayContains,
  asc,
  count,
  desc,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  lt,
  or,
  sql,
} from 'drizzle-orm';
import type { DateRange, PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import { only, type Queryable, type Tx } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { generationEvents, generationSteps, generations } from '#libs/db/schema/generations.ts';
import type { GenerationRow, StepRow } from './domain/job.ts';

export { claimRun } from '../autopilots/runs-store.ts';
export {
  findDocumentContents,
  findDocumentsOf,
  insertDocument,
  type StoredDocument,
} from '../documents/store.ts';

export { setDraft } from '../inbox/store.ts';

export type EventRow = typeof generationEvents.$inferSelect;
export type GenerationEvent = { type: string; data: Record<string, unknown> };

const ofAccount = (accountId: string, id: string) =>
  and(eq(generations.accountId, accountId), eq(generations.id, id));

export async function insertGeneration(
  tx: Tx,
  row: typeof generations.$inferInsert,
  steps: (typeof generationSteps.$inferInsert)[],
): Promise<void> {
  await tx.insert(generations).values(row);
  await tx.insert(generationSteps).values(steps);
}

export async function insertSteps(
  tx: Tx,
  steps: readonly (typeof generationSteps.$inferInsert)[],
): Promise<void> {
  if (steps.length > 0) await tx.insert(generationSteps).values([...steps]);
}

export async function deleteSteps(tx: Tx, generationId: string, keys: readonly string[]): Promise<void> {
  await tx
    .delete(generationSteps)
    .where(and(eq(generationSteps.generationId, generationId), inArray(generationSteps.key, [...keys])));
}

/** What jobs wait with for an approval. */
export function findOutputs(db: Queryable, generationIds: readonly string[], key: string) {
  const { generationId, output } = generationSteps;
  return db
    .select({ generationId, output })
    .from(generationSteps)
    .where(and(inArray(generationId, [...generationIds]), eq(generationSteps.key, key)));
}

/** The job, locked until the transaction ends. Everything that changes a job or its steps locks it first. */
export async function lockGeneration(tx: Tx, id: string): Promise<GenerationRow | undefined> {
  const [row] = await tx.select().from(generations).where(eq(generations.id, id)).for('update');
  return row;
}

export async function findGeneration(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<GenerationRow | undefined> {
  const [row] = await db.select().from(generations).where(ofAccount(accountId, id));
  return row;
}

export async function findStatus(db: Queryable, id: string): Promise<GenerationRow['status'] | undefined> {
  const [row] = await db
    .select({ status: generations.status })
    .from(generations)
    .where(eq(generations.id, id));
  return row?.status;
}

export type GenerationFilter = PageQuery & {
  range: DateRange;
  status?: GenerationRow['status'] | undefined;
  content_type?: string | undefined;
};

/** Newest first, one more than the page has. */
export function listGenerations(
  db: Queryable,
  accountId: string,
  { limit, cursor, status, content_type: type, range: { from, to } }: GenerationFilter,
): Promise<GenerationRow[]> {
  return db
    .select()
    .from(generations)
    .where(
      and(
        eq(generations.accountId, accountId),
        afterCursor(generations.id, cursor),
        status === undefined ? undefined : eq(generations.status, status),
        type === undefined ? undefined : arrayContains(generations.contentTypes, [type]),
        from && gte(generations.createdAt, from),
        to && lt(generations.createdAt, to),
      ),
    )
    .orderBy(desc(generations.id))
    .limit(limit + 1);
}

/** @returns the job as it is then. */
export async function updateGeneration(
  tx: Tx,
  row: GenerationRow,
  changes: Partial<GenerationRow>,
  now: Date,
): Promise<GenerationRow> {
  const updated = { ...changes, updatedAt: now };
  await tx.update(generations).set(updated).where(eq(generations.id, row.id));
  return { ...row, ...updated };
}

export async function deleteGeneration(tx: Tx, id: string): Promise<void> {
  await tx.delete(generations).where(eq(generations.id, id));
}

export function findSteps(db: Queryable, generationId: string): Promise<StepRow[]> {
  return db
    .select()
    .from(generationSteps)
    .where(eq(generationSteps.generationId, generationId))
    .orderBy(asc(generationSteps.position));
}

/** The steps of several jobs, without what they produced. */
export function findStepSummaries(db: Queryable, generationIds: readonly string[]) {
  const { generationId, key, status, model, error, costNanoUsd, tokens, warnings, startedAt, finishedAt } =
    generationSteps;
  return db
    .select({ generationId, key, status, model, error, costNanoUsd, tokens, warnings, startedAt, finishedAt })
    .from(generationSteps)
    .where(inArray(generationSteps.generationId, [...generationIds]))
    .orderBy(asc(generationSteps.position));
}
export type StepSummary = Awaited<ReturnType<typeof findStepSummaries>>[number];

export async function updateStep(
  tx: Tx,
  { generationId, key }: Pick<StepRow, 'generationId' | 'key'>,
  changes: Partial<typeof generationSteps.$inferInsert>,
): Promise<void> {
  await tx
    .update(generationSteps)
    .set(changes)
    .where(and(eq(generationSteps.generationId, generationId), eq(generationSteps.key, key)));
}

/** Makes the steps of one account wait for each other: only one transaction starts steps of it at a time. */
export async function lockDispatch(tx: Tx, accountId: string): Promise<void> {
  // An advisory lock, which Drizzle cannot express.
  await tx.execute(
    sql`SELECT pg_advisory_xact_lock(hashtextextended(${`generation-steps ${accountId}`}, 0))`,
  );
}

export async function countActiveSteps(tx: Tx, accountId: string): Promise<number> {
  const rows = await tx
    .select({ active: count() })
    .from(generationSteps)
    .where(
      and(eq(generationSteps.accountId, accountId), inArray(generationSteps.status, ['queued', 'running'])),
    );
  return only(rows).active;
}

/** Steps of an account that may start, in the order of their jobs. */
export function findReadySteps(tx: Tx, accountId: string, limit: number) {
  return tx
    .select({
      generationId: generationSteps.generationId,
      key: generationSteps.key,
      maxParallel: generations.maxParallel,
      priority: generations.priority,
    })
    .from(generationSteps)
    .innerJoin(generations, eq(generations.id, generationSteps.generationId))
    .where(and(eq(generationSteps.accountId, accountId), eq(generationSteps.status, 'ready')))
    .orderBy(asc(generationSteps.generationId), asc(generationSteps.position))
    .limit(limit);
}

/** Appends events and notifies the readers of the job when the transaction commits. */
export async function insertEvents(
  tx: Queryable,
  { id, status }: Pick<GenerationRow, 'id' | 'status'>,
  events: readonly GenerationEvent[],
  createdAt: Date,
): Promise<void> {
  if (events.length === 0) return;
  await tx
    .insert(generationEvents)
    .values(events.map((event) => ({ generationId: id, ...event, createdAt })));
  await notify(tx, { kind: 'generation', id, status });
}

export function findEvents(
  db: Queryable,
  generationId: string,
  after: number,
  limit: number,
): Promise<EventRow[]> {
  return db
    .select()
    .from(generationEvents)
    .where(and(eq(generationEvents.generationId, generationId), gt(generationEvents.id, after)))
    .orderBy(asc(generationEvents.id))
    .limit(limit);
}

/** Jobs that hold money beyond a time, oldest first. */
export function findOverdue(db: Queryable, before: Date, limit: number): Promise<{ id: string }[]> {
  return db
    .select({ id: generations.id })
    .from(generations)
    .where(and(isNotNull(generations.holdId), lt(generations.holdExpiresAt, before)))
    .orderBy(asc(generations.holdExpiresAt))
    .limit(limit);
}

/** Deletes the pieces of texts of jobs that ended before a time; their documents have the whole texts. */
export async function deleteTextEvents(db: Queryable, before: Date): Promise<void> {
  const ended = db
    .select({ id: generations.id })
    .from(generations)
    .where(and(lt(generations.finishedAt, before), or(isNotNull(generations.finishedAt))));
  await db
    .delete(generationEvents)
    .where(and(eq(generationEvents.type, 'content'), inArray(generationEvents.generationId, ended)));
}
