import type { FastifyInstance } from 'fastify';
import { requireFeature } from '#libs/clients/require-feature.ts';
import * as contract from '#libs/contracts/integrations.ts';
import { toList } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type ContactOptions, searchContacts } from './contacts.ts';
import { IntegrationError, notConnected, refuseUse } from './domain/integration.ts';
import { presentPublication } from './domain/publication.ts';
import { findDocument, listPublications, lockDocument, requestPublication } from './publications-store.ts';
import { enqueuePublishing, type PublishOptions } from './publish.ts';
import { findIntegration } from './store.ts';

export type UseRouteOptions = PublishOptions &
  Omit<ContactOptions, 'logger'> & { runtime: Pick<Runtime, 'clock' | 'newId'> };

/** What the members of an account use its connections for. */
export function useRoutes(app: FastifyInstance, options: UseRouteOptions): void {
  const { database, runtime, entitlements } = options;

  serveOperation(app, contract.publishDocument, async (request, reply) => {
    const { accountId } = callerOf(request);
    const { provider } = request.body;
    const { id: documentId } = request.params;
    await requireFeature(entitlements, accountId, contract.INTEGRATION_FEATURES[provider]);
    const publication = await transaction(database, async (tx) => {
      if ((await lockDocument(tx, accountId, documentId)) === undefined) throw problem('not_found');
      if ((await findIntegration(tx, accountId, provider)) === undefined) throw notConnected(provider);
      const key = { documentId, provider, accountId };
      await enqueuePublishing(tx, key);
      return requestPublication(tx, { ...key, requestId: runtime.newId(), now: runtime.clock.now() });
    });
    reply.code(202);
    return presentPublication(publication);
  });

  serveOperation(app, contract.listPublications, async (request) => {
    const { id } = request.params;
    const found = await findDocument(database, callerOf(request).accountId, id);
    if (found === undefined) throw problem('not_found');
    return toList((await listPublications(database, id)).map(presentPublication));
  });

  serveOperation(app, contract.searchContacts, async (request) => {
    const { accountId } = callerOf(request);
    const { query } = request;
    if ((query.email === undefined) === (query.query === undefined))
      throw problem('invalid_request', { detail: 'Set either email or query.' });
    await requireFeature(entitlements, accountId, contract.INTEGRATION_FEATURES.hubspot);
    const connection = await findIntegration(database, accountId, 'hubspot');
    if (connection === undefined) throw notConnected('hubspot');
    try {
      return toList(await searchContacts(database, options, connection, query));
    } catch (error) {
      throw error instanceof IntegrationError ? refuseUse(error) : error;
    }
  });
}
