import type { FastifyInstance } from 'fastify';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { SocialConnectionView } from '#libs/contracts/social.ts';
import * as contract from '#libs/contracts/social-operations.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import {
  deleteConnection,
  findConnections,
  insertConnection,
  isConnected,
  listConnections,
} from './connections-store.ts';
import {
  alreadyConnected,
  CONNECTIONS,
  checkPlatform,
  type PostPublisher,
  type SocialConnection,
} from './domain.ts';

export type SocialConnectionOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  entitlements: Pick<AccountEntitlements, 'get'>;
  quotaResources: QuotaResources;
  publisher: Pick<PostPublisher, 'connect' | 'disconnect'>;
};

export function socialConnectionRoutes(app: FastifyInstance, options: SocialConnectionOptions): void {
  const { database, runtime, entitlements, quotaResources, publisher } = options;

  /** Credentials that remain at the publisher do no harm, so a failure is only logged. */
  const disconnect = (credentialReference: string) =>
    publisher.disconnect(credentialReference).catch((error: unknown) => {
      app.log.warn({ err: error }, 'disconnecting at the publisher failed');
    });

  serveOperation(app, contract.listSocialConnections, async (request) => {
    const { query } = request;
    const connections = await listConnections(database, callerOf(request).accountId, query);
    return toPage(connections, query.limit, present);
  });

  serveOperation(app, contract.createSocialConnection, async (request, reply) => {
    const { platform, handle, credentials } = request.body;
    const owner = ownerOf(callerOf(request));
    const { accountId } = owner;
    // The limit is checked first: refusals have a documented order.
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner,
      meter: CONNECTIONS,
      refusalFields: { reason: 'connection_limit_exceeded' },
    });
    checkPlatform(await entitlements.get(accountId), platform);
    if (await isConnected(database, accountId, platform, handle)) throw alreadyConnected(platform, handle);
    const credentialReference = await publisher.connect({ platform, handle, credentials });
    const connection: SocialConnection = {
      id: runtime.newId(),
      ...owner,
      platform,
      handle,
      credentialReference,
      createdAt: runtime.clock.now(),
    };
    try {
      await transaction(database, async (tx) => {
        if (!(await insertConnection(tx, connection))) throw alreadyConnected(platform, handle);
        await allocation.settle(tx);
      });
    } catch (error) {
      await disconnect(credentialReference);
      throw error;
    }
    reply.code(201);
    return present(connection);
  });

  serveOperation(app, contract.getSocialConnection, async (request) => {
    const [found] = await findConnections(database, callerOf(request).accountId, [request.params.id]);
    if (found === undefined) throw problem('not_found');
    return present(found);
  });

  serveOperation(app, contract.deleteSocialConnection, async (request, reply) => {
    const { accountId } = callerOf(request);
    const deleted = await transaction(database, async (tx) => {
      const connection = await deleteConnection(tx, accountId, request.params.id);
      if (connection === undefined) throw problem('not_found');
      await quotaResources.release(tx, { owner: ownerOf(connection), meter: CONNECTIONS });
      return connection;
    });
    await disconnect(deleted.credentialReference);
    return reply.code(204).send();
  });
}

const present = (connection: SocialConnection): SocialConnectionView => ({
  id: connection.id,
  platform: connection.platform,
  handle: connection.handle,
  created_at: connection.createdAt.toISOString(),
});
