import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import { type Database, type Queryable, transaction } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { findConnections } from './connections-store.ts';
import { ATTEMPT_LIMIT_MS, DRAFTS, effectsOf, POSTS, type PostPublisher, type SocialPost } from './domain.ts';
import { beginAttempt, finishAttempt } from './posts-store.ts';

export const PUBLISH_POST = 'publish-post';

export type PublishOptions = {
  database: Database;
  clock: Clock;
  publisher: Pick<PostPublisher, 'publish'>;
  quotaResources: Pick<QuotaResources, 'release'>;
};

/** Publishes a post when it is due. Enqueuing again moves the job to the new time. */
export async function enqueuePublishing(
  db: Queryable,
  { id, accountId }: Pick<SocialPost, 'id' | 'accountId'>,
  runAt: Date,
): Promise<void> {
  await enqueue(db, PUBLISH_POST, { postId: id, accountId }, { jobKey: id, runAt });
}

/**
 * One attempt at a post that is due; anything else is left as it is. The request to the publisher is sent at most once:
 * an attempt whose outcome is not recorded makes the post `unknown`, and it is never sent again.
 */
export async function publishPost(options: PublishOptions, postId: string): Promise<void> {
  const { database, clock, publisher, quotaResources } = options;
  const startedAt = clock.now();
  const claimedUntil = new Date(startedAt.getTime() + ATTEMPT_LIMIT_MS);
  const post = await beginAttempt(database, postId, startedAt, claimedUntil);
  if (post === undefined) return;

  const [connection] = await findConnections(database, post.accountId, [post.connectionId]);
  const publication =
    connection === undefined
      ? null
      : await publisher.publish({
          id: post.id,
          platform: connection.platform,
          credentialReference: connection.credentialReference,
          text: post.text,
        });
  const finishedAt = clock.now();
  const { changes, releasesQuota, retryAt } = effectsOf(publication, post.attempts, finishedAt);

  await transaction(database, async (tx) => {
    if (!(await finishAttempt(tx, post, { ...changes, updatedAt: finishedAt }))) return;
    if (retryAt !== null) await enqueuePublishing(tx, post, retryAt);
    if (releasesQuota) await releasePost(quotaResources, tx, post);
  });
}

/** Stops counting a draft, or a post on the day and in the week in which it was counted. */
export async function releasePost(
  quotaResources: Pick<QuotaResources, 'release'>,
  tx: Parameters<QuotaResources['release']>[0],
  post: SocialPost,
): Promise<void> {
  if (post.holdId === null) return;
  const owner = ownerOf(post);
  await quotaResources.release(
    tx,
    post.state === 'draft' ? { owner, meter: DRAFTS } : { owner, meter: POSTS, under: post.holdId },
  );
}
