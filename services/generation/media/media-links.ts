import { randomBytes } from 'node:crypto';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf } from '#libs/clients/quota-resources.ts';
import type { Database } from '#libs/db/database.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { StreamStorage } from '#libs/storage/storage.ts';
import {
  type DeleteMedia,
  type MediaFile,
  type OpenMedia,
  type ReadMedia,
  type SaveMedia,
  type SaveRecording,
  signatureOf,
  URL_SECONDS,
} from './domain.ts';
import { createMediaRetention } from './retention.ts';
import { deleteMediaRows, findMedia, insertMedia } from './store.ts';

export type MediaOptions = {
  database: Database;
  storage: StreamStorage;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  /** Of the gateway, as clients reach it, for storage without URLs of its own. */
  publicUrl: string;
  /** Of a file whose account's plan does not say it, or cannot be read. */
  retentionMs: number;
  entitlements?: Pick<AccountEntitlements, 'get'>;
};

const KEY_BYTES = 32;

export function createSaveMedia(options: MediaOptions): SaveMedia {
  const store = createStore(options);
  return async (owner, file) => {
    const row = await store(owner, { ...file, id: options.runtime.newId(), seconds: null });
    return { id: row.id, url: (await linkTo(options, row)).url };
  };
}

export function createSaveRecording(options: MediaOptions): SaveRecording {
  const store = createStore(options);
  return async (owner, file) => ({ ...(await store(owner, file)), seconds: file.seconds });
}

type NewFile = Parameters<StreamStorage['put']>[1] & Pick<MediaFile, 'id' | 'seconds'>;

/** Writes the file before its row: a file without a row is unreachable, a row without a file would be a broken link. */
function createStore({ database, storage, runtime, entitlements, retentionMs }: MediaOptions) {
  const retentionOf = createMediaRetention(entitlements, retentionMs);
  return async (owner: Owner, { id, seconds, ...file }: NewFile): Promise<MediaFile> => {
    // A file that is paid for is stored although billing is down.
    const keptMs = await retentionOf(owner.accountId).catch(() => retentionMs);
    const createdAt = runtime.clock.now();
    const row: MediaFile = {
      id,
      ...ownerOf(owner),
      storageKey: `media/${randomBytes(KEY_BYTES).toString('hex')}`,
      mediaType: file.mediaType,
      sizeBytes: Buffer.isBuffer(file.bytes) ? file.bytes.length : file.bytes.size,
      seconds,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + keptMs),
    };
    await storage.put(row.storageKey, file);
    if (await insertMedia(database, row)) return row;
    await storage.delete(row.storageKey);
    return (await findMedia(database, id)) as MediaFile;
  };
}

export function createReadMedia({
  database,
  storage,
}: Pick<MediaOptions, 'database' | 'storage'>): ReadMedia {
  return async (accountId, id) => {
    const file = await findMedia(database, id);
    return file?.accountId === accountId ? storage.get(file.storageKey) : undefined;
  };
}

export function createOpenMedia({
  database,
  storage,
}: Pick<MediaOptions, 'database' | 'storage'>): OpenMedia {
  return async (accountId, id) => {
    const file = await findMedia(database, id);
    return file?.accountId === accountId ? storage.open(file.storageKey) : undefined;
  };
}

export function createDeleteMedia({
  database,
  storage,
}: Pick<MediaOptions, 'database' | 'storage'>): DeleteMedia {
  return async (accountId, ids) => {
    for (const id of ids) {
      const file = await findMedia(database, id);
      if (file?.accountId !== accountId) continue;
      // The file first: a row that is left is found again.
      await storage.delete(file.storageKey);
      await deleteMediaRows(database, [id]);
    }
  };
}

/** A new URL of a file. */
export async function linkTo(
  { storage, runtime, publicUrl }: Pick<MediaOptions, 'storage' | 'runtime' | 'publicUrl'>,
  file: MediaFile,
): Promise<{ url: string; expiresAt: Date }> {
  const now = runtime.clock.now().getTime();
  const leftMs = Math.min(URL_SECONDS * 1000, file.expiresAt.getTime() - now);
  const expires = Math.floor((now + leftMs) / 1000);
  const own = await storage.signedUrl(file.storageKey, Math.max(1, Math.floor(leftMs / 1000)));
  const signed = `${publicUrl}/api/media/${file.id}/content?expires=${expires}&signature=${signatureOf(file, expires)}`;
  return { url: own ?? signed, expiresAt: new Date(expires * 1000) };
}
