/** Files by key: in a local folder, or in any S3-compatible bucket. */
import type { FileSource } from '#libs/contracts/file-source.ts';

export type StoredFile = { bytes: Buffer; mediaType: string };

export type Storage = {
  readonly put: (key: string, file: StoredFile) => Promise<void>;
  /** Undefined if there is none. */
  readonly get: (key: string) => Promise<Buffer | undefined>;
  /** Deleting a file that does not exist succeeds. */
  readonly delete: (key: string) => Promise<void>;
  /**
   * A URL at the storage itself, with which anyone can read the file for this long; null if the storage serves no URLs, so
   * that the service must serve the file.
   */
  readonly signedUrl: (key: string, seconds: number) => Promise<string | null>;
};

/** Storage for files that are too large for memory, too. */
export type StreamStorage = Storage & {
  readonly put: (key: string, file: { bytes: Buffer | FileSource; mediaType: string }) => Promise<void>;
  /** A file that is read as a stream; undefined if there is none. */
  readonly open: (key: string) => Promise<FileSource | undefined>;
};

const KEY = /^[a-z0-9][a-z0-9_-]*(\/[a-z0-9][a-z0-9_.-]*)*$/;

/** @throws RangeError for a key that could leave its folder or bucket. */
export function checkKey(key: string): void {
  if (key.length > 200 || !KEY.test(key) || key.includes('..')) throw new RangeError(`Invalid key: ${key}`);
}
