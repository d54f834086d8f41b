/** Moves months of usage rows to files, and reads them back. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Database } from '#libs/db/database.ts';
import type { Storage } from '#libs/storage/storage.ts';
import {
  ARCHIVE_COLUMNS,
  type ArchivedMonth,
  type ArchivedRow,
  readMonth,
  recordArchive,
} from './archive-store.ts';
import { readParquet, writeParquet } from './parquet.ts';

/** Rows in one file, and in memory. */
const FILE_ROWS = 25_000;

const manifestSchema = z.object({
  month: z.iso.date(),
  rows: z.int(),
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  files: z.array(z.object({ key: z.string(), rows: z.int(), bytes: z.int(), sha256: z.string() })),
});
export type Manifest = z.output<typeof manifestSchema>;

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Stores the rows of a month as Parquet files with a manifest. The rows stay in the database. */
export async function storeMonth(
  { database, storage }: { database: Database; storage: Storage },
  month: string,
  now: Date,
  signal: AbortSignal,
): Promise<Omit<ArchivedMonth, 'detachedAt'>> {
  const folder = `usage/${month.slice(0, 7)}`;
  const files: Manifest['files'] = [];
  let last: ArchivedRow | null = null;
  for (;;) {
    signal.throwIfAborted();
    const rows: ArchivedRow[] = await readMonth(database, month, last, FILE_ROWS);
    last = rows.at(-1) ?? null;
    if (rows.length > 0) {
      const bytes = writeParquet(rows);
      const key = `${folder}/part-${String(files.length + 1).padStart(4, '0')}.parquet`;
      await storage.put(key, { bytes, mediaType: 'application/vnd.apache.parquet' });
      files.push({ key, rows: rows.length, bytes: bytes.length, sha256: sha256(bytes) });
    }
    if (rows.length < FILE_ROWS) break;
  }
  const total = (of: 'rows' | 'bytes') => files.reduce((sum, file) => sum + file[of], 0);
  const columns = ARCHIVE_COLUMNS.map(({ name, type }) => ({ name, type }));
  const manifest: Manifest = { month, rows: total('rows'), columns, files };
  const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const storageKey = `${folder}/manifest.json`;
  await storage.put(storageKey, { bytes, mediaType: 'application/json' });
  const archive = {
    ...{ month, storageKey, rows: manifest.rows, bytes: total('bytes') },
    ...{ sha256: sha256(bytes), storedAt: now },
  };
  await recordArchive(database, archive);
  return archive;
}

/** The rows of a stored month after the first `skip`, file by file. @throws Error for a file that is missing or not as it was stored. */
export async function* readArchive(
  storage: Storage,
  archive: Pick<ArchivedMonth, 'storageKey' | 'sha256'>,
  skip = 0,
): AsyncGenerator<ArchivedRow> {
  const manifest = manifestSchema.parse(
    JSON.parse((await readFile(storage, archive.storageKey, archive.sha256)).toString('utf8')),
  );
  let left = skip;
  for (const { key, rows, sha256: expected } of manifest.files) {
    if (left < rows) yield* (await readParquet(await readFile(storage, key, expected))).slice(left);
    left = Math.max(0, left - rows);
  }
}

async function readFile(storage: Storage, key: string, expected: string): Promise<Buffer> {
  const bytes = await storage.get(key);
  if (bytes === undefined) throw new Error(`The archive has no ${key}.`);
  if (sha256(bytes) !== expected) throw new Error(`${key} is not as it was stored.`);
  return bytes;
}

/** Reads a stored month completely. @throws Error if it does not have as many rows as it should. */
export async function verifyArchive(
  storage: Storage,
  archive: Pick<ArchivedMonth, 'storageKey' | 'sha256' | 'rows'>,
): Promise<void> {
  let rows = 0;
  for await (const _ of readArchive(storage, archive)) rows += 1;
  if (rows !== archive.rows) throw new Error(`${archive.storageKey} has ${rows} rows, not ${archive.rows}.`);
}
