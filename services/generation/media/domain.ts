import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FileSource } from '#libs/contracts/file-source.ts';
import type { mediaFiles } from '#libs/db/schema/knowledge.ts';
import type { Owner } from '#libs/ledger/quota-resources.ts';

export type MediaFile = typeof mediaFiles.$inferSelect;

/** A link that works until it expires. */
export type MediaLink = { id: string; url: string };

/** A recording that a user uploaded. */
export type Recording = MediaFile & { seconds: number };

/** Stores a file for its owner. */
export type SaveMedia = (owner: Owner, file: { bytes: Buffer; mediaType: string }) => Promise<MediaLink>;

/**
 * Stores a recording for its owner, once for each id: a repeat returns what the first attempt stored.
 *
 * @param file.seconds its duration at most.
 */
export type SaveRecording = (
  owner: Owner,
  file: { id: string; bytes: Buffer | FileSource; mediaType: string; seconds: number },
) => Promise<Recording>;

/** The bytes of a stored file of an account; undefined if it is gone. */
export type ReadMedia = (accountId: string, id: string) => Promise<Buffer | undefined>;

/** The same, to be read as a stream. */
export type OpenMedia = (accountId: string, id: string) => Promise<FileSource | undefined>;

/** Deletes stored files of an account. Those that are gone are left out. */
export type DeleteMedia = (accountId: string, ids: readonly string[]) => Promise<void>;

/** How long a URL works; a new one can be read as long as the file is stored. */
export const URL_SECONDS = 24 * 60 * 60;

/** Signs the path of a file until a time. The key in storage is random and never shown, so it is the secret of its file. */
export function signatureOf(
  { id, storageKey }: Pick<MediaFile, 'id' | 'storageKey'>,
  expires: number,
): string {
  return createHmac('sha256', storageKey).update(`${id}.${expires}`).digest('hex');
}

export function isValidLink(
  file: MediaFile,
  { expires, signature }: { expires: number; signature: string },
  now: Date,
): boolean {
  if (expires * 1000 <= now.getTime() || file.expiresAt <= now) return false;
  return timingSafeEqual(Buffer.from(signature, 'hex'), Buffer.from(signatureOf(file, expires), 'hex'));
}
