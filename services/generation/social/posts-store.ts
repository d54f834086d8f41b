import { and, asc, desc, eq, inArray, isNull, lte, or } from 'drizzle-orm';
import type { DatedPageQuery } from '#libs/contracts/page.ts';
import type { PostState } from '#libs/contracts/social.ts';
import { afterCursor } from '#libs/db/after-cursor.ts';
import type { Queryable, Tx } from '#libs/db/database.ts';
import { socialPosts } from '#libs/db/schema/generation.ts';
import { within } from '#libs/db/within.ts';
import { OUTCOME_UNKNOWN, type PostSchedule, type SocialPost } from './domain.ts';

const postOf = (accountId: string, id: string) =>
  and(eq(socialPosts.accountId, accountId), eq(socialPosts.id, id));

/** Newest first, one more than the page has. */
export function listPosts(
  db: Queryable,
  accountId: string,
  { limit, cursor, state, ...range }: DatedPageQuery & { state?: PostState | undefined },
): Promise<SocialPost[]> {
  return db
    .select()
    .from(socialPosts)
    .where(
      and(
        eq(socialPosts.accountId, accountId),
        afterCursor(socialPosts.id, cursor),
        state === undefined ? undefined : eq(socialPosts.state, state),
        within(socialPosts.createdAt, range),
      ),
    )
    .orderBy(desc(socialPosts.id))
    .limit(limit + 1);
}

export async function findPost(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<SocialPost | undefined> {
  const [post] = await db.select().from(socialPosts).where(postOf(accountId, id));
  return post;
}

export async function insertPosts(db: Queryable, posts: SocialPost[]): Promise<void> {
  await db.insert(socialPosts).values(posts);
}

/** @returns false if the state of the post has changed since it was read. */
export async function schedulePost(
  tx: Tx,
  { accountId, id, state }: SocialPost,
  schedule: PostSchedule & { updatedAt: Date },
): Promise<boolean> {
  const { rowCount } = await tx
    .update(socialPosts)
    .set({ state: 'scheduled', ...schedule })
    .where(and(postOf(accountId, id), eq(socialPosts.state, state)));
  return rowCount === 1;
}

/** Replaces the results of a published post. @returns undefined unless there is one that was published. */
export async function updateResults(
  db: Queryable,
  accountId: string,
  id: string,
  changes: Pick<SocialPost, 'results' | 'resultsAt'>,
): Promise<SocialPost | undefined> {
  const [post] = await db
    .update(socialPosts)
    .set(changes)
    .where(and(postOf(accountId, id), eq(socialPosts.state, 'published')))
    .returning();
  return post;
}

/** Deletes a post unless it has been published, may have been, or is being published. @returns the deleted post. */
export async function deletePost(tx: Tx, accountId: string, id: string): Promise<SocialPost | undefined> {
  const isWaiting = and(eq(socialPosts.state, 'scheduled'), isNull(socialPosts.claimedUntil));
  const [post] = await tx
    .delete(socialPosts)
    .where(and(postOf(accountId, id), or(inArray(socialPosts.state, ['draft', 'failed']), isWaiting)))
    .returning();
  return post;
}

/**
 * Claims a post that is due, for one attempt to publish it. The claim commits before the request is sent, so no other
 * process sends it too.
 *
 * @returns undefined if the post is not due, or another attempt has it.
 */
export async function beginAttempt(
  db: Queryable,
  id: string,
  now: Date,
  claimedUntil: Date,
): Promise<SocialPost | undefined> {
  const [current] = await db
    .select({ attempts: socialPosts.attempts })
    .from(socialPosts)
    .where(eq(socialPosts.id, id));
  if (current === undefined) return undefined;
  const [post] = await db
    .update(socialPosts)
    .set({ claimedUntil, attempts: current.attempts + 1 })
    .where(
      and(
        eq(socialPosts.id, id),
        eq(socialPosts.state, 'scheduled'),
        eq(socialPosts.attempts, current.attempts),
        isNull(socialPosts.claimedUntil),
        lte(socialPosts.dueAt, now),
      ),
    )
    .returning();
  return post;
}

/** Records the outcome of an attempt. @returns false if the attempt had expired. */
export async function finishAttempt(
  tx: Tx,
  { id, attempts }: SocialPost,
  changes: Partial<SocialPost> & { updatedAt: Date },
): Promise<boolean> {
  const { rowCount } = await tx
    .update(socialPosts)
    .set(changes)
    .where(
      and(eq(socialPosts.id, id), eq(socialPosts.state, 'scheduled'), eq(socialPosts.attempts, attempts)),
    );
  return rowCount === 1;
}

/** Gives up attempts whose process ended before it recorded an outcome. @returns the ids of the posts. */
export async function expireAttempts(db: Queryable, now: Date): Promise<string[]> {
  const rows = await db
    .update(socialPosts)
    .set({ ...OUTCOME_UNKNOWN, updatedAt: now })
    .where(and(eq(socialPosts.state, 'scheduled'), lte(socialPosts.claimedUntil, now)))
    .returning({ id: socialPosts.id });
  return rows.map(({ id }) => id);
}

/** Posts that should be published by now and that no attempt has, oldest first. */
export function findDuePosts(
  db: Queryable,
  now: Date,
  limit: number,
): Promise<Pick<SocialPost, 'id' | 'accountId'>[]> {
  return db
    .select({ id: socialPosts.id, accountId: socialPosts.accountId })
    .from(socialPosts)
    .where(
      and(eq(socialPosts.state, 'scheduled'), isNull(socialPosts.claimedUntil), lte(socialPosts.dueAt, now)),
    )
    .orderBy(asc(socialPosts.dueAt))
    .limit(limit);
}
