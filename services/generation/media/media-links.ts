import { randomBytes } from 'node:crypto';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { ownerOf } from '#libs/clients/quota-resources.ts';
import type { Database } from '#libs/db/database.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { Storage } from '#libs/storage/storage.ts';
import {
  type MediaFile,
  type ReadMedia,
  type SaveMedia,
  type SaveRecording,
  signatureOf,
  URL_SECONDS,
} from './domain.ts';
import { createMediaRetention } from './retention.ts';
import { findMedia, insertMedia } from './store.ts';

export type MediaOptions = {
  database: Database;
  storage: Storage;
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
    const row = await store(owner, file, null);
    return { id: row.id, url: (await linkTo(options, row)).url };
  };
}

export function createSaveRecording(options: MediaOptions): SaveRecording {
  const store = createStore(options);
  return async (owner, { seconds, ...file }) => ({ ...(await store(owner, file, seconds)), seconds });
}

/** Writes the file before its row: a file without a row is unreachable, a row without a file would be a broken link. */
function createStore({ database, storage, runtime, entitlements, retentionMs }: MediaOptions) {
  const retentionOf = createMediaRetention(entitlements, retentionMs);
  return async (
    owner: Parameters<SaveMedia>[0],
    file: Parameters<SaveMedia>[1],
    seconds: number | null,
  ): Promise<MediaFile> => {
    // A file that is paid for is stored although billing is down.
    const keptMs = await retentionOf(owner.accountId).catch(() => retentionMs);
    const createdAt = runtime.clock.now();
    const row: MediaFile = {
      id: runtime.newId(),
      ...ownerOf(owner),
      storageKey: `media/${randomBytes(KEY_BYTES).toString('hex')}`,
      mediaType: file.mediaType,
      sizeBytes: file.bytes.length,
      seconds,
      createdAt,
      expiresAt: new Date(createdAt.getTime() + keptMs),
    };
    await storage.put(row.storageKey, file);
    await insertMedia(database, row);
    return row;
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
