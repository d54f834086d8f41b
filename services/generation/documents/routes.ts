import type { FastifyInstance } from 'fastify';
import type { Brand } from '#libs/contracts/branding.ts';
import * as contract from '#libs/contracts/documents.ts';
import { datesOf, toKeyPage, toPage } from '#libs/contracts/page.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { slugOf } from '#libs/pipelines/content/text.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { ReadMedia } from '../media/domain.ts';
import { type DocumentRow, presentDocument, presentSummary, type VersionRow } from './domain.ts';
import { loadImages } from './embedded-images.ts';
import { exportAs } from './export.ts';
import {
  addVersion,
  deleteDocument,
  findDocument,
  listDocuments,
  listVersions,
  lockDocument,
} from './store.ts';

/** Of the largest version in the database. */
const VERSION_DIGITS = 10;

export type DocumentOptions = {
  database: Database;
  clock: Clock;
  readMedia: ReadMedia;
  /** The brand of an account, which exports show; null for none. */
  findBrand: (accountId: string) => Promise<Brand | null>;
};

export function documentRoutes(app: FastifyInstance, options: DocumentOptions): void {
  const { database, clock, readMedia, findBrand } = options;

  serveOperation(app, contract.listDocuments, async (request) => {
    const { content_type: type, ...query } = request.query;
    const filter = { ...query, type, range: datesOf(query) };
    const rows = await listDocuments(database, callerOf(request).accountId, filter);
    return toPage(rows, query.limit, presentSummary);
  });

  serveOperation(app, contract.getDocument, async (request) => {
    const found = await read(database, callerOf(request).accountId, request.params.id, request.query.version);
    return presentDocument(found.document, found.version);
  });

  serveOperation(app, contract.updateDocument, async (request) => {
    const { accountId, userId } = callerOf(request);
    const { markdown, title, base_version: base } = request.body;
    return transaction(database, async (tx) => {
      const document = await lockDocument(tx, accountId, request.params.id);
      if (document === undefined) throw problem('not_found');
      if (base !== undefined && base !== document.version)
        throw problem('conflict', { detail: `The newest version is ${document.version}.` });
      const found = await findDocument(tx, accountId, document.id);
      if (found === undefined) throw problem('not_found');
      const now = clock.now();
      const version: VersionRow = {
        ...found.version,
        version: document.version + 1,
        source: 'edited',
        title: title ?? document.title,
        markdown: markdown ?? found.version.markdown,
        userId,
        createdAt: now,
      };
      await addVersion(tx, version);
      const edited = { ...document, version: version.version, title: version.title, updatedAt: now };
      return presentDocument(edited, version);
    });
  });

  serveOperation(app, contract.listDocumentVersions, async (request) => {
    const { document } = await read(database, callerOf(request).accountId, request.params.id);
    const versions = await listVersions(database, document.id);
    const shown = versions.map(({ userId, createdAt, ...version }) => ({
      ...version,
      user_id: userId,
      created_at: createdAt.toISOString(),
    }));
    const keyOf = ({ version }: { version: number }) => `${version}`.padStart(VERSION_DIGITS, '0');
    return toKeyPage(shown, request.query, keyOf, 'descending');
  });

  serveOperation(app, contract.exportDocument, async (request, reply) => {
    const { format, version: wanted } = request.query;
    const { document, version } = await read(
      database,
      callerOf(request).accountId,
      request.params.id,
      wanted,
    );
    const { title, markdown } = version;
    const json = presentDocument(document, version);
    const images = await loadImages(markdown, (id) => readMedia(document.accountId, id));
    const brand = await findBrand(document.accountId);
    const { language } = document;
    const file = await exportAs(format, { title, markdown, language, json, images, brand });
    // A header takes ASCII only; the name in UTF-8 is for all others (RFC 6266).
    const name = `${slugOf(title)}.${file.extension}`;
    const ascii = name.replace(/[^\x20-\x7e]+/g, '_');
    return reply
      .header('content-type', file.contentType)
      .header(
        'content-disposition',
        `attachment; filename="${ascii}"; filename*=UTF-8''${encodeURIComponent(name)}`,
      )
      .header('x-content-type-options', 'nosniff')
      .send(file.body);
  });

  serveOperation(app, contract.deleteDocument, async (request, reply) => {
    const { accountId } = callerOf(request);
    await transaction(database, async (tx) => {
      if (!(await deleteDocument(tx, accountId, request.params.id))) throw problem('not_found');
    });
    return reply.code(204).send();
  });
}

/** @throws ProblemError `not_found` */
async function read(
  database: Database,
  accountId: string,
  id: string,
  version?: number,
): Promise<{ document: DocumentRow; version: VersionRow }> {
  const found = await findDocument(database, accountId, id, version);
  if (found === undefined) throw problem('not_found');
  return found;
}
