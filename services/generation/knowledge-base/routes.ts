import type { FastifyInstance } from 'fastify';
import { ownerOf, type QuotaResources } from '#libs/clients/quota-resources.ts';
import * as contract from '#libs/contracts/knowledge-base.ts';
import { toList, toPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { detectLanguage } from '#libs/pipelines/language.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { ExtractedText, TextExtractor } from '../extraction/domain/extracted-text.ts';
import { chunksOf } from './domain/chunks.ts';
import { KB_BYTES, KB_FILES, type KbFile, type KbFileSummary } from './domain/file.ts';
import { insertChunks, retrievePassages } from './search-store.ts';
import { deleteKbFile, findKbFile, insertKbFile, listKbFiles } from './store.ts';

export type KbFileOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  quotaResources: QuotaResources;
  extractor: TextExtractor;
};

export function kbFileRoutes(app: FastifyInstance, options: KbFileOptions): void {
  const { database, runtime, quotaResources, extractor } = options;

  serveOperation(app, contract.listKbFiles, async (request) => {
    const { query } = request;
    const files = await listKbFiles(database, callerOf(request).accountId, query);
    return toPage(files, query.limit, present);
  });

  serveOperation(app, contract.addKbFile, async (request, reply) => {
    const { body } = request;
    const owner = ownerOf(callerOf(request));
    // Room for a file is held before it is read, and room for its bytes when they are known.
    await using place = await quotaResources.allocate({ holdId: request.id, owner, meter: KB_FILES });
    const { text, title, mediaType, sizeBytes, url = null } = await read(extractor, body);
    const file: KbFile = {
      id: runtime.newId(),
      ...owner,
      name: body.name ?? title ?? hostOf(url),
      mediaType,
      sizeBytes,
      content: text,
      sourceUrl: url,
      language: body.language ?? detectLanguage(text),
      createdAt: runtime.clock.now(),
    };
    await using bytes = await quotaResources.allocate({
      holdId: runtime.newId(),
      owner,
      meter: KB_BYTES,
      count: sizeBytes,
    });
    await transaction(database, async (tx) => {
      await insertKbFile(tx, file);
      await insertChunks(tx, file, chunksOf(text));
      await place.settle(tx);
      await bytes.settle(tx);
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
      const owner = ownerOf(file);
      await quotaResources.release(tx, { owner, meter: KB_FILES });
      await quotaResources.release(tx, { owner, meter: KB_BYTES, count: file.sizeBytes });
    });
    return reply.code(204).send();
  });

  serveOperation(app, contract.searchKbPassages, async (request) => {
    const { query, language = detectLanguage(query), limit } = request.query;
    const { accountId } = callerOf(request);
    return toList(await retrievePassages(database, { accountId, query, language, limit }));
  });
}

/** The text of an upload or a page. A text is kept as it was written. */
async function read(
  extractor: TextExtractor,
  { content, content_base64: base64, url = '', media_type: mediaType }: contract.AddKbFileRequest,
): Promise<ExtractedText & { url?: string }> {
  if (content !== undefined) {
    return { text: content, title: null, mediaType, sizeBytes: Buffer.byteLength(content) };
  }
  if (base64 !== undefined) return extractor.fromBytes(Buffer.from(base64, 'base64'), mediaType);
  return extractor.fromUrl(url);
}

const hostOf = (url: string | null) => URL.parse(url ?? '')?.host ?? 'page';

const present = (file: KbFileSummary): contract.KbFileView => ({
  id: file.id,
  name: file.name,
  media_type: file.mediaType,
  size_bytes: file.sizeBytes,
  source_url: file.sourceUrl,
  language: file.language,
  created_at: file.createdAt.toISOString(),
});
