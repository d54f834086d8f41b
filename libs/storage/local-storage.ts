import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkKey, type StreamStorage } from './storage.ts';

/** Files below a folder, which all processes of the service must share. */
export function createLocalStorage(folder: string): StreamStorage {
  const pathOf = (key: string) => {
    checkKey(key);
    return path.join(folder, key);
  };
  return {
    async put(key, { bytes }) {
      const target = pathOf(key);
      await mkdir(path.dirname(target), { recursive: true });
      // Renamed when it is complete, so that a partial file is never read.
      const partial = `${target}.${randomUUID()}.part`;
      try {
        await writeFile(partial, Buffer.isBuffer(bytes) ? bytes : bytes.read(), { mode: 0o600 });
        await rename(partial, target);
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    get: (key) => unlessMissing(readFile(pathOf(key))),
    async open(key) {
      const file = pathOf(key);
      const stats = await unlessMissing(stat(file));
      return stats && { size: stats.size, read: () => createReadStream(file) };
    },
    delete: (key) => rm(pathOf(key), { force: true }),
    signedUrl: async () => null,
  };
}

async function unlessMissing<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
