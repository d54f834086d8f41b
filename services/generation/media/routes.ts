import type { FastifyInstance } from 'fastify';
import * as contract from '#libs/contracts/media.ts';
import { toPage } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { isValidLink, type MediaFile } from './domain.ts';
import { linkTo, type MediaOptions } from './media-links.ts';
import { findMedia, listMediaFiles } from './store.ts';

export function mediaRoutes(app: FastifyInstance, options: MediaOptions): void {
  const { database, storage, runtime } = options;

  async function ownMedia(accountId: string, id: string): Promise<MediaFile> {
    const file = await findMedia(database, id);
    const exists = file?.accountId === accountId && file.expiresAt > runtime.clock.now();
    if (!exists) throw problem('not_found');
    return file;
  }

  async function present(file: MediaFile): Promise<contract.MediaFileView> {
    const { url, expiresAt } = await linkTo(options, file);
    return {
      id: file.id,
      media_type: file.mediaType,
      size_bytes: file.sizeBytes,
      url,
      url_expires_at: expiresAt.toISOString(),
      created_at: file.createdAt.toISOString(),
      expires_at: file.expiresAt.toISOString(),
    };
  }

  serveOperation(app, contract.listMedia, async (request) => {
    const { query } = request;
    const found = await listMediaFiles(database, callerOf(request).accountId, query, runtime.clock.now());
    const { data, next_cursor } = toPage(found, query.limit, (file) => file);
    return { data: await Promise.all(data.map(present)), next_cursor };
  });

  serveOperation(app, contract.getMedia, async (request) =>
    present(await ownMedia(callerOf(request).accountId, request.params.id)),
  );

  serveOperation(app, contract.deleteMedia, async (request, reply) => {
    const { accountId, id } = await ownMedia(callerOf(request).accountId, request.params.id);
    await app.deleteMedia(accountId, [id]);
    return reply.code(204).send();
  });

  serveOperation(app, contract.getMediaContent, async (request, reply) => {
    const file = await findMedia(database, request.params.id);
    const now = runtime.clock.now();
    const bytes =
      file !== undefined && isValidLink(file, request.query, now)
        ? await storage.get(file.storageKey)
        : undefined;
    // A wrong signature must not show that the file exists.
    if (file === undefined || bytes === undefined) throw problem('not_found');
    const seconds = Math.floor(request.query.expires - now.getTime() / 1000);
    return reply
      .header('content-type', file.mediaType)
      .header('cache-control', `private, max-age=${seconds}, immutable`)
      .send(bytes);
  });
}
