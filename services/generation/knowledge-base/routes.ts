import type { FastifyInstance } from 'fastify';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import * as contract from '#libs/contracts/knowledge-base.ts';
import { toPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { KB_FILES, type KbFile, type KbFileSummary } from './domain.ts';
import { deleteKbFile, findKbFile, insertKbFile, listKbFiles } from './store.ts';

export type KbFileOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  quotaResources: QuotaResources;
};

export function kbFileRoutes(app: FastifyInstance, options: KbFileOptions): void {
  const { database, runtime, quotaResources } = options;

  serveOperation(app, contract.listKbFiles, async (request) => {
    const { query } = request;
    const files = await listKbFiles(database, callerOf(request).accountId, query);
    return toPage(files, query.limit, present);
  });

  serveOperation(app, contract.addKbFile, async (request, reply) => {
    const { name, media_type: mediaType, content } = request.body;
    const owner = ownerOf(callerOf(request));
    const file: KbFile = {
      id: runtime.newId(),
      ...owner,
      name,
      sourceUrl: null,
      language: null,
      mediaType,
      sizeBytes: Buffer.byteLength(content),
      content,
      createdAt: runtime.clock.now(),
    };
    await using allocation = await quotaResources.allocate({ holdId: request.id, owner, meter: KB_FILES });
    await transaction(database, async (tx) => {
      await insertKbFile(tx, file);
      await allocation.settle(tx);
    });
    reply.code(201);
    return present(file);
  });

  serveOperation(app, contract.getKbFile, async (request) => {
    const file = await findKbFile(database, callerOf(request).accountId, request.params.id);
    if (file === undefined) throw problem('not_found');
    return { ...present(file), content: file.content };
  });

  serveOperation(app, contract.deleteKbFile, async (request, reply) => {
    const { accountId } = callerOf(request);
    await transaction(database, async (tx) => {
      const file = await deleteKbFile(tx, accountId, request.params.id);
      if (file === undefined) throw problem('not_found');
      await quotaResources.release(tx, { owner: ownerOf(file), meter: KB_FILES });
    });
    return reply.code(204).send();
  });
}

const present = (file: KbFileSummary): contract.KbFileView => ({
  id: file.id,
  name: file.name,
  media_type: file.mediaType,
  size_bytes: file.sizeBytes,
  created_at: file.createdAt.toISOString(),
});
