import type { FastifyInstance } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import { requireFeature } from '#libs/clients/require-feature.ts';
import { toList, toPage } from '#libs/contracts/page.ts';
import type { NewPost, SocialPostView } from '#libs/contracts/social.ts';
import * as contract from '#libs/contracts/social-operations.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';
import { problem } from '#libs/problems/problems.ts';
import { checkFeature } from '#libs/service/check-feature.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { findConnections } from './connections-store.ts';
import {
  ATTEMPT_LIMIT_MS,
  checkPlatform,
  composePost,
  DRAFTS,
  POSTS,
  type PostPublisher,
  type SocialPost,
  scheduledTime,
  scheduleOf,
} from './domain.ts';
import { deletePost, findPost, insertPosts, listPosts, schedulePost, updateResults } from './posts-store.ts';
import { enqueuePublishing, publishPost, releasePost } from './publish-post.ts';

export type SocialPostOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  entitlements: Pick<AccountEntitlements, 'get' | 'catalogueOf'>;
  quotaResources: QuotaResources;
  publisher: Pick<PostPublisher, 'publish'>;
};

export function socialPostRoutes(app: FastifyInstance, options: SocialPostOptions): void {
  const { database, runtime, entitlements, quotaResources, publisher } = options;
  const { clock, newId } = runtime;

  const publishNow = (postId: string) => publishPost({ database, clock, publisher, quotaResources }, postId);

  /** @throws ProblemError for a connection that does not exist, or that the plan does not allow to publish through. */
  async function checkPublishing(
    accountId: string,
    posts: readonly Pick<NewPost, 'connection_id' | 'action'>[],
  ): Promise<void> {
    const ids = [...new Set(posts.map((post) => post.connection_id))];
    const connections = await findConnections(database, accountId, ids);
    const platforms = new Map(connections.map(({ id, platform }) => [id, platform]));
    const entitled = await entitlements.get(accountId);
    if (posts.some(({ action }) => action === 'schedule'))
      checkFeature(entitled, 'auto_post', await entitlements.catalogueOf(entitled));
    for (const { action, connection_id: id } of posts) {
      const platform = platforms.get(id);
      if (platform === undefined) {
        throw problem('not_found', {
          detail: 'This connection does not exist.',
          fields: { connection_id: id },
        });
      }
      if (action === 'draft') continue;
      checkPlatform(entitled, platform);
    }
  }

  /** When a job takes over a post that this request publishes itself, should the process end before it does. */
  const afterRequest = (now: Date) => new Date(now.getTime() + ATTEMPT_LIMIT_MS);

  /** Room for posts of one state, under the hold that they name; undefined if there are none. */
  function allocateRoom(owner: Owner, meter: string, posts: readonly SocialPost[]) {
    const holdId = posts[0]?.holdId ?? null;
    return holdId === null
      ? undefined
      : quotaResources.allocate({ holdId, owner, meter, count: posts.length });
  }

  /**
   * Inserts posts, and in the same transaction counts them, drafts apart, and enqueues their publishing.
   * @param runAt overrides the time of their jobs.
   */
  async function createPosts(
    posts: SocialPost[],
    { owner, runAt }: { owner: Owner; runAt?: Date },
  ): Promise<void> {
    const scheduled = posts.filter(({ state }) => state === 'scheduled');
    const drafts = posts.filter(({ state }) => state === 'draft');
    await using room = await allocateRoom(owner, POSTS, scheduled);
    await using draftRoom = await allocateRoom(owner, DRAFTS, drafts);
    await transaction(database, async (tx) => {
      await insertPosts(tx, posts);
      for (const post of scheduled) {
        await enqueuePublishing(tx, post, runAt ?? post.dueAt ?? clock.now());
      }
      await draftRoom?.settle(tx);
      await room?.settle(tx);
    });
  }

  async function getPost(accountId: string, id: string): Promise<SocialPost> {
    const post = await findPost(database, accountId, id);
    if (post === undefined) throw problem('not_found');
    return post;
  }

  serveOperation(app, contract.listSocialPosts, async (request) => {
    const { query } = request;
    const posts = await listPosts(database, callerOf(request).accountId, query);
    return toPage(posts, query.limit, present);
  });

  serveOperation(app, contract.createSocialPost, async (request, reply) => {
    const { body, id: holdId } = request;
    const owner = ownerOf(callerOf(request));
    await checkPublishing(owner.accountId, [body]);
    const now = clock.now();
    const post = composePost(body, { id: newId(), owner, holdId, now });
    reply.code(201);
    if (body.action !== 'publish') {
      await createPosts([post], { owner });
      return present(post);
    }
    await createPosts([post], { owner, runAt: afterRequest(now) });
    await publishNow(post.id);
    return present(await getPost(owner.accountId, post.id));
  });

  serveOperation(app, contract.createSocialPosts, async (request, reply) => {
    const { body, id: holdId } = request;
    const owner = ownerOf(callerOf(request));
    await requireFeature(entitlements, owner.accountId, 'bulk_operations');
    await checkPublishing(owner.accountId, body.posts);
    const now = clock.now();
    const draftHoldId = newId();
    const posts = body.posts.map((post) =>
      composePost(post, {
        ...{ id: newId(), owner, now },
        holdId: post.action === 'draft' ? draftHoldId : holdId,
      }),
    );
    await createPosts(posts, { owner });
    reply.code(201);
    return toList(posts.map(present));
  });

  serveOperation(app, contract.getSocialPost, async (request) =>
    present(await getPost(callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.publishSocialPost, async (request) => {
    const { accountId } = callerOf(request);
    const { id: holdId } = request;
    const post = await getPost(accountId, request.params.id);
    if (post.state !== 'draft' && post.state !== 'failed') throw notPublishable(post);
    const now = clock.now();
    const scheduledAt = scheduledTime(request.body.scheduled_at, now);
    const action = scheduledAt === null ? 'publish' : 'schedule';
    await checkPublishing(accountId, [{ connection_id: post.connectionId, action }]);
    await using allocation = await quotaResources.allocate({ holdId, owner: ownerOf(post), meter: POSTS });
    await transaction(database, async (tx) => {
      const schedule = { ...scheduleOf(scheduledAt, holdId, now), updatedAt: now };
      if (!(await schedulePost(tx, post, schedule))) throw notPublishable(post);
      await releasePost(quotaResources, tx, post);
      await enqueuePublishing(tx, post, scheduledAt ?? afterRequest(now));
      await allocation.settle(tx);
    });
    if (action === 'publish') await publishNow(post.id);
    return present(await getPost(accountId, post.id));
  });

  serveOperation(app, contract.recordSocialPostResults, async (request) => {
    const { accountId } = callerOf(request);
    const { id } = request.params;
    const results = { results: request.body, resultsAt: clock.now() };
    const post = await updateResults(database, accountId, id, results);
    if (post === undefined) throw notPublished(await getPost(accountId, id));
    return present(post);
  });

  serveOperation(app, contract.deleteSocialPost, async (request, reply) => {
    const { accountId } = callerOf(request);
    const { id } = request.params;
    const isDeleted = await transaction(database, async (tx) => {
      const post = await deletePost(tx, accountId, id);
      if (post !== undefined) await releasePost(quotaResources, tx, post);
      return post !== undefined;
    });
    if (!isDeleted) throw notDeletable(await getPost(accountId, id));
    return reply.code(204).send();
  });
}

function notPublished({ state }: SocialPost) {
  return problem('conflict', { detail: 'Only a published post has results.', fields: { state } });
}

function notPublishable({ state }: SocialPost) {
  return problem('conflict', {
    detail: 'Only a draft or a failed post can be published.',
    fields: { state },
  });
}

const NOT_DELETABLE: Partial<Record<SocialPost['state'], string>> = {
  published: 'The post has already been published.',
  unknown: 'The post may have been published.',
};

function notDeletable({ state }: SocialPost) {
  const detail = NOT_DELETABLE[state] ?? 'The post is being published right now.';
  return problem('conflict', { detail, fields: { state } });
}

const present = (post: SocialPost): SocialPostView => ({
  id: post.id,
  connection_id: post.connectionId,
  text: post.text,
  state: post.state,
  scheduled_at: post.scheduledAt?.toISOString() ?? null,
  published_at: post.publishedAt?.toISOString() ?? null,
  url: post.externalUrl,
  failure:
    post.failureCode === null || post.failureDetail === null
      ? null
      : { code: post.failureCode, detail: post.failureDetail },
  autopilot_run_id: post.autopilotRunId,
  results: post.results,
  created_at: post.createdAt.toISOString(),
  updated_at: post.updatedAt.toISOString(),
});
