import { and, desc, eq, inArray, isNotNull, isNull, lt, max, or, sql } from 'drizzle-orm';
import type { PageQuery } from '#libs/contracts/page.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { autopilotRuns } from '#libs/db/schema/autopilots.ts';
import { socialConnections, socialPosts } from '#libs/db/schema/generation.ts';
import { documents, documentVersions, generationSteps, generations } from '#libs/db/schema/generations.ts';
import { SOCIAL } from '#libs/pipelines/content/social.ts';
import type { AutopilotRun } from './domain/autopilot.ts';
import type { EndedJob } from './domain/run.ts';
import type { PostWithResults } from './domain/topics.ts';

export { insertPosts } from '../social/posts-store.ts';

/** Posts that an autopilot learns from: the latest with results. */
const MAX_LEARNED_POSTS = 200;

/** Newest first, one more than the page has. */
export function listRuns(
  db: Queryable,
  autopilotId: string,
  { limit, cursor, status }: PageQuery & { status?: AutopilotRun['status'] | undefined },
): Promise<AutopilotRun[]> {
  return db
    .select()
    .from(autopilotRuns)
    .where(
      and(
        eq(autopilotRuns.autopilotId, autopilotId),
        afterCursor(autopilotRuns.id, cursor),
        status === undefined ? undefined : eq(autopilotRuns.status, status),
      ),
    )
    .orderBy(desc(autopilotRuns.id))
    .limit(limit + 1);
}

export async function findRun(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<AutopilotRun | undefined> {
  const [run] = await db
    .select()
    .from(autopilotRuns)
    .where(and(eq(autopilotRuns.accountId, accountId), eq(autopilotRuns.id, id)));
  return run;
}

/** Whether a run has not ended: its posts may be counted, and are not created yet. */
export async function hasOpenRun(db: Queryable, autopilotId: string): Promise<boolean> {
  const open = await db
    .select({ id: autopilotRuns.id })
    .from(autopilotRuns)
    .where(and(eq(autopilotRuns.autopilotId, autopilotId), isNull(autopilotRuns.finishedAt)))
    .limit(1);
  return open.length > 0;
}

/** The run, locked until the transaction ends. */
export async function lockRun(tx: Tx, id: string): Promise<AutopilotRun | undefined> {
  const [run] = await tx.select().from(autopilotRuns).where(eq(autopilotRuns.id, id)).for('update');
  return run;
}

export async function insertRun(tx: Tx, run: AutopilotRun): Promise<void> {
  await tx.insert(autopilotRuns).values(run);
}

export async function updateRun(tx: Tx, id: string, changes: Partial<AutopilotRun>): Promise<void> {
  await tx.update(autopilotRuns).set(changes).where(eq(autopilotRuns.id, id));
}

/**
 * Makes a job that of a run, in the transaction that creates the job: a run has one job, however often it is started.
 *
 * @returns false if it has one already, or has ended.
 */
export async function claimRun(
  tx: Tx,
  accountId: string,
  id: string,
  generationId: string,
): Promise<boolean> {
  const { rowCount } = await tx
    .update(autopilotRuns)
    .set({ status: 'running', generationId })
    .where(
      and(
        eq(autopilotRuns.accountId, accountId),
        eq(autopilotRuns.id, id),
        eq(autopilotRuns.status, 'starting'),
      ),
    );
  return rowCount === 1;
}

/** Runs that write something, or have written it. */
const counts = inArray(autopilotRuns.status, ['starting', 'running', 'completed']);

/** Newest first. */
export async function findLatestTopics(db: Queryable, autopilotId: string, limit: number): Promise<string[]> {
  const rows = await db
    .select({ topic: autopilotRuns.topic })
    .from(autopilotRuns)
    .where(and(eq(autopilotRuns.autopilotId, autopilotId), counts))
    .orderBy(desc(autopilotRuns.id))
    .limit(limit);
  return rows.map(({ topic }) => topic);
}

/** The number of the entry of a content plan that comes next. */
export async function findNextEntry(
  db: Queryable,
  autopilotId: string,
  contentPlanId: string,
): Promise<number> {
  // Drizzle has no operator for a field of JSON.
  const isOfPlan = eq(sql`${autopilotRuns.choice} ->> 'content_plan_id'`, contentPlanId);
  const [row] = await db
    .select({ last: max(autopilotRuns.entry) })
    .from(autopilotRuns)
    .where(and(eq(autopilotRuns.autopilotId, autopilotId), counts, isOfPlan));
  return (row?.last ?? -1) + 1;
}

/** Published posts of an autopilot whose results were reported, the latest first. */
export async function findPostsWithResults(db: Queryable, autopilotId: string): Promise<PostWithResults[]> {
  const rows = await db
    .select({
      id: socialPosts.id,
      topic: autopilotRuns.topic,
      platform: socialConnections.platform,
      text: socialPosts.text,
      results: socialPosts.results,
    })
    .from(autopilotRuns)
    .innerJoin(socialPosts, eq(socialPosts.autopilotRunId, autopilotRuns.id))
    .leftJoin(socialConnections, eq(socialConnections.id, socialPosts.connectionId))
    .where(and(eq(autopilotRuns.autopilotId, autopilotId), isNotNull(socialPosts.results)))
    .orderBy(desc(socialPosts.id))
    .limit(MAX_LEARNED_POSTS);
  return rows.flatMap(({ platform, results, ...post }) =>
    results === null ? [] : [{ ...post, results, platform: platform ?? 'a network' }],
  );
}

/** The job of a run: `running` until it has ended; undefined if it was deleted and has written no posts. */
export async function findJobOf(
  db: Queryable,
  { accountId, generationId }: AutopilotRun,
): Promise<EndedJob | 'running' | undefined> {
  if (generationId === null) return 'running';
  const [job] = await db.select().from(generations).where(eq(generations.id, generationId));
  if (job !== undefined && job.finishedAt === null) return 'running';
  const [written] = await db
    .select({ document: documents, content: documentVersions.content })
    .from(documents)
    .innerJoin(
      documentVersions,
      and(eq(documentVersions.documentId, documents.id), eq(documentVersions.version, 1)),
    )
    .where(
      and(
        eq(documents.accountId, accountId),
        eq(documents.generationId, generationId),
        eq(documents.type, 'social'),
      ),
    );
  // The posts of a job outlive it.
  const owner = job ?? written?.document;
  if (owner === undefined) return undefined;
  const [step] = await db
    .select({ holdId: generationSteps.holdId })
    .from(generationSteps)
    .where(and(eq(generationSteps.generationId, generationId), eq(generationSteps.key, SOCIAL)));
  const { userId, keyId, workspaceId } = owner;
  return {
    status: (job?.status ?? 'completed') as EndedJob['status'],
    error: job?.error ?? null,
    holdId: step?.holdId ?? generationId,
    owner: { accountId, userId, keyId, workspaceId },
    texts: written === undefined ? null : textsOf(written.content),
  };
}

type WrittenPosts = { posts?: { network: string; text_with_hashtags: string }[] };

function textsOf(content: Record<string, unknown>): Map<string, string> {
  const { posts = [] } = content as WrittenPosts;
  return new Map(posts.map(({ network, text_with_hashtags: text }) => [network, text]));
}

/** Runs that still wait for their job, although the gateway has given up by now. */
export async function findStuckRuns(db: Queryable, before: Date, limit: number): Promise<AutopilotRun[]> {
  return db
    .select()
    .from(autopilotRuns)
    .where(and(eq(autopilotRuns.status, 'starting'), lt(autopilotRuns.createdAt, before)))
    .limit(limit);
}

/** Runs whose job ended some time ago or was deleted, and that have not ended themselves. */
export async function findUnfinishedRuns(db: Queryable, before: Date, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: autopilotRuns.id })
    .from(autopilotRuns)
    .leftJoin(generations, eq(generations.id, autopilotRuns.generationId))
    .where(
      and(
        isNull(autopilotRuns.finishedAt),
        eq(autopilotRuns.status, 'running'),
        or(isNull(generations.id), lt(generations.finishedAt, before)),
      ),
    )
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** @returns how many were deleted. */
export async function deleteRunsBefore(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.delete(autopilotRuns).where(lt(autopilotRuns.finishedAt, before));
  return rowCount ?? 0;
}
