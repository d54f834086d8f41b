import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { NewPost, SocialPostView } from '#libs/contracts/social.ts';
import * as contract from '#libs/contracts/social-operations.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkFeature, checkPlatform, POSTS, scheduledTime } from './domain.ts';
import type {
  ClaimedPost,
  SocialConnection,
  SocialConnectionStore,
  SocialPost,
  SocialPostStore,
} from './ports.ts';
import { claimedAtOnce, composePost, scheduleFor, toClaimed } from './schedule.ts';

export type SocialPostDependencies = {
  pool: Pool;
  runtime: Runtime;
  entitlements: Pick<AccountEntitlements, 'get'>;
  quotaResources: Pick<QuotaResources, 'allocate'>;
  findConnections: SocialConnectionStore['find'];
  /** Publishes what has been claimed, and puts down what became of it. */
  publish: (post: ClaimedPost) => Promise<void>;
  store: SocialPostStore;
};

/** Posts: written, published now or later, cancelled. */
export function socialPostRoutes(app: FastifyInstance, dependencies: SocialPostDependencies): void {
  const { pool, runtime, entitlements, quotaResources, findConnections, publish, store } = dependencies;
  const { clock, newId } = runtime;

  /** The connections of posts, as far as the plan lets one publish through them. */
  async function connectionsFor(
    caller: Caller,
    posts: readonly Pick<NewPost, 'connection_id' | 'action'>[],
  ): Promise<Map<string, SocialConnection>> {
    const ids = [...new Set(posts.map((post) => post.connection_id))];
    const found = new Map(
      (await findConnections(caller.accountId, ids)).map((connection) => [connection.id, connection]),
    );
    const entitled = await entitlements.get(caller.accountId);
    for (const { action, connection_id: id } of posts) {
      const connection = found.get(id);
      if (connection === undefined) {
        throw problem('not_found', { detail: 'There is no such connection.', fields: { connection_id: id } });
      }
      if (action === 'draft') continue;
      if (action === 'schedule') checkFeature(entitled, 'auto_post');
      checkPlatform(entitled, connection.platform);
    }
    return found;
  }

  async function write(caller: Caller, holdId: string, posts: readonly SocialPost[]): Promise<void> {
    const count = posts.filter(({ state }) => state !== 'draft').length;
    if (count === 0) return store.insertDrafts(posts);
    await using allocation = await quotaResources.allocate({
      holdId,
      owner: ownerOf(caller),
      meter: POSTS,
      count,
    });
    await transaction(pool, async (database) => {
      await store.insert(database, posts);
      await allocation.settle({ $client: database });
    });
  }

  async function mustFind(accountId: string, id: string): Promise<SocialPost> {
    const post = await store.find(accountId, id);
    if (post === undefined) throw problem('not_found');
    return post;
  }

  serveOperation(app, contract.listSocialPosts, async (request) => {
    const { query } = request;
    return toPage(await store.list(callerOf(request).accountId, query), query.limit, present);
  });

  serveOperation(app, contract.createSocialPost, async (request, reply) => {
    const caller = callerOf(request);
    const { body, id: holdId } = request;
    const connections = await connectionsFor(caller, [body]);
    const now = clock.now();
    const post = composePost(body, { id: newId(), owner: ownerOf(caller), holdId, now });
    reply.code(201);
    if (body.action !== 'publish') {
      await write(caller, holdId, [post]);
      return present(post);
    }
    const claimed = { ...post, ...claimedAtOnce(holdId, now) };
    await write(caller, holdId, [claimed]);
    await publish(toClaimed(claimed, connections.get(post.connectionId) as SocialConnection));
    return present(await mustFind(caller.accountId, post.id));
  });

  serveOperation(app, contract.createSocialPosts, async (request, reply) => {
    const caller = callerOf(request);
    const { body, id: holdId } = request;
    checkFeature(await entitlements.get(caller.accountId), 'bulk_operations');
    await connectionsFor(caller, body.posts);
    const now = clock.now();
    const owner = ownerOf(caller);
    const posts = body.posts.map((post) => composePost(post, { id: newId(), owner, holdId, now }));
    await write(caller, holdId, posts);
    reply.code(201);
    return { data: posts.map(present) };
  });

  serveOperation(app, contract.getSocialPost, async (request) =>
    present(await mustFind(callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.publishSocialPost, async (request) => {
    const caller = callerOf(request);
    const { accountId } = caller;
    const { id: holdId } = request;
    const draft = await mustFind(accountId, request.params.id);
    if (draft.state !== 'draft' && draft.state !== 'failed') throw isNoDraft(draft);
    const now = clock.now();
    const scheduledAt = scheduledTime(request.body.scheduled_at, now);
    const isNow = scheduledAt === null;
    const connections = await connectionsFor(caller, [
      { connection_id: draft.connectionId, action: isNow ? 'publish' : 'schedule' },
    ]);
    const schedule = isNow ? claimedAtOnce(holdId, now) : scheduleFor(scheduledAt, holdId, now);
    await using allocation = await quotaResources.allocate({ holdId, owner: draft.owner, meter: POSTS });
    await transaction(pool, async (database) => {
      if (!(await store.schedule(database, accountId, draft.id, schedule))) throw isNoDraft(draft);
      await allocation.settle({ $client: database });
    });
    if (isNow) {
      const connection = connections.get(draft.connectionId) as SocialConnection;
      await publish(toClaimed({ ...draft, ...schedule }, connection));
    }
    return present(await mustFind(accountId, draft.id));
  });

  serveOperation(app, contract.deleteSocialPost, async (request, reply) => {
    const { accountId } = callerOf(request);
    const { id } = request.params;
    if (!(await store.remove(accountId, id))) {
      const { state } = await mustFind(accountId, id);
      throw problem('conflict', {
        detail:
          state === 'published'
            ? 'The post has been published already.'
            : 'The post is being published right now.',
        fields: { state },
      });
    }
    return reply.code(204).send();
  });
}

function isNoDraft({ state }: SocialPost) {
  return problem('conflict', {
    detail: 'Only a draft, or a post that failed, can be published.',
    fields: { state },
  });
}

const present = (post: SocialPost): SocialPostView => ({
  id: post.id,
  connection_id: post.connectionId,
  text: post.text,
  state: post.state,
  scheduled_at: post.scheduledAt?.toISOString() ?? null,
  published_at: post.publishedAt?.toISOString() ?? null,
  url: post.externalUrl,
  failure: post.failure,
  created_at: post.createdAt.toISOString(),
});
