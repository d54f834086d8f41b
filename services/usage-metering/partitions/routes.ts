import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { toKeyPage } from '#libs/contracts/page.ts';
import { exportUsageArchive, listUsageArchives } from '#libs/contracts/usage-archives.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { Storage } from '#libs/storage/storage.ts';
import { readArchive } from './archive.ts';
import { type ArchivedMonth, type ArchivedRow, findArchive, listArchives } from './archive-store.ts';

export type ArchiveRouteOptions = { database: Database; storage: Storage };

export function archiveRoutes(app: FastifyInstance, { database, storage }: ArchiveRouteOptions): void {
  serveOperation(app, listUsageArchives, async ({ query }) =>
    toKeyPage((await listArchives(database)).map(present), query, ({ month }) => month),
  );

  serveOperation(app, exportUsageArchive, async ({ params, query }, reply) => {
    const archive = await findArchive(database, `${params.month}-01`);
    if (archive === undefined) throw problem('not_found');
    return reply
      .header('content-type', 'application/x-ndjson')
      .header('cache-control', 'no-store')
      .header('accept-ranges', 'none')
      .send(Readable.from(toLines(readArchive(storage, archive, query.skip))));
  });
}

const present = ({ month, storageKey, rows, bytes, sha256, storedAt, detachedAt }: ArchivedMonth) => ({
  ...{ month: month.slice(0, 7), manifest: storageKey, rows, bytes, sha256 },
  ...{ stored_at: storedAt.toISOString(), detached_at: detachedAt?.toISOString() ?? null },
});

async function* toLines(rows: AsyncIterable<ArchivedRow>): AsyncGenerator<string> {
  for await (const row of rows) yield `${JSON.stringify(row, exactInteger)}\n`;
}

/** Amounts may exceed the integers that JSON parsers keep exact. */
const exactInteger = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
