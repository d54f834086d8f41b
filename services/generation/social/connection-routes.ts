import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { SocialConnectionView } from '#libs/contracts/social.ts';
import * as contract from '#libs/contracts/social-operations.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { alreadyConnected, CONNECTIONS, checkPlatform } from './domain.ts';
import type { PostPublisher, SocialConnection, SocialConnectionStore } from './ports.ts';

export type SocialConnectionDependencies = {
  pool: Pool;
  runtime: Runtime;
  entitlements: Pick<AccountEntitlements, 'get'>;
  quotaResources: Pick<QuotaResources, 'allocate'>;
  publisher: Pick<PostPublisher, 'connect' | 'disconnect'>;
  store: SocialConnectionStore;
};

/** Accounts at social networks. */
export function socialConnectionRoutes(
  app: FastifyInstance,
  dependencies: SocialConnectionDependencies,
): void {
  const { pool, runtime, entitlements, quotaResources, publisher, store } = dependencies;

  /** What the publisher keeps for nobody costs nobody anything, so a failure is only told. */
  const forget = (credentialReference: string) =>
    publisher.disconnect(credentialReference).catch((error: unknown) => {
      app.log.warn({ err: error }, 'the publisher could not be told to forget a connection');
    });

  serveOperation(app, contract.listSocialConnections, async (request) => {
    const { query } = request;
    return toPage(await store.list(callerOf(request).accountId, query), query.limit, present);
  });

  serveOperation(app, contract.createSocialConnection, async (request, reply) => {
    const caller = callerOf(request);
    const { accountId } = caller;
    const { platform, handle, credentials } = request.body;
    const owner = ownerOf(caller);
    // Whether there is room for another connection is checked before the connection itself.
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner,
      meter: CONNECTIONS,
      refusalFields: { reason: 'connection_limit_exceeded' },
    });
    checkPlatform(await entitlements.get(accountId), platform);
    if (await store.isConnected(accountId, platform, handle)) throw alreadyConnected(platform, handle);
    const credentialReference = await publisher.connect({ platform, handle, credentials });
    const connection: SocialConnection = {
      id: runtime.newId(),
      owner,
      platform,
      handle,
      credentialReference,
      createdAt: runtime.clock.now(),
    };
    try {
      await transaction(pool, async (database) => {
        if (!(await store.insert(database, connection))) throw alreadyConnected(platform, handle);
        await allocation.settle({ $client: database });
      });
    } catch (error) {
      await forget(credentialReference);
      throw error;
    }
    reply.code(201);
    return present(connection);
  });

  serveOperation(app, contract.getSocialConnection, async (request) => {
    const [found] = await store.find(callerOf(request).accountId, [request.params.id]);
    if (found === undefined) throw problem('not_found');
    return present(found);
  });

  serveOperation(app, contract.deleteSocialConnection, async (request, reply) => {
    const removed = await store.remove(callerOf(request).accountId, request.params.id);
    if (removed === undefined) throw problem('not_found');
    await forget(removed.credentialReference);
    return reply.code(204).send();
  });
}

const present = (connection: SocialConnection): SocialConnectionView => ({
  id: connection.id,
  platform: connection.platform,
  handle: connection.handle,
  created_at: connection.createdAt.toISOString(),
});
