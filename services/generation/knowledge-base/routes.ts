import type { FastifyInstance } from 'fastify';
import type { Pool } from 'pg';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import * as contract from '#libs/contracts/knowledge-base.ts';
import { toPage } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { KB_FILES, type KbFile, type KbFileStore } from './domain.ts';

export type KbFileDependencies = {
  pool: Pool;
  runtime: Runtime;
  quotaResources: Pick<QuotaResources, 'allocate'>;
  store: KbFileStore;
};

/** The knowledge base of an account. */
export function kbFileRoutes(
  app: FastifyInstance,
  { pool, runtime, quotaResources, store }: KbFileDependencies,
): void {
  serveOperation(app, contract.listKbFiles, async (request) => {
    const { query } = request;
    return toPage(await store.list(callerOf(request).accountId, query), query.limit, present);
  });

  serveOperation(app, contract.addKbFile, async (request, reply) => {
    const { name, media_type: mediaType, content } = request.body;
    const file = {
      id: runtime.newId(),
      owner: ownerOf(callerOf(request)),
      name,
      mediaType,
      sizeBytes: Buffer.byteLength(content),
      createdAt: runtime.clock.now(),
      content,
    };
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner: file.owner,
      meter: KB_FILES,
    });
    await transaction(pool, async (database) => {
      await store.insert(database, file);
      await allocation.settle({ $client: database });
    });
    reply.code(201);
    return present(file);
  });

  serveOperation(app, contract.getKbFile, async (request) => {
    const file = await store.find(callerOf(request).accountId, request.params.id);
    if (file === undefined) throw problem('not_found');
    return { ...present(file), content: file.content };
  });

  serveOperation(app, contract.deleteKbFile, async (request, reply) => {
    const { accountId } = callerOf(request);
    if (!(await store.remove(accountId, request.params.id))) throw problem('not_found');
    return reply.code(204).send();
  });
}

const present = (file: KbFile): contract.KbFileView => ({
  id: file.id,
  name: file.name,
  media_type: file.mediaType,
  size_bytes: file.sizeBytes,
  created_at: file.createdAt.toISOString(),
});
