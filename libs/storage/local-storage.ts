import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { checkKey, type Storage } from './storage.ts';

/** Files below a folder, which all processes of the service must share. */
export function createLocalStorage(folder: string): Storage {
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
      await writeFile(partial, bytes, { mode: 0o600 });
      await rename(partial, target);
    },
    async get(key) {
      try {
        return await readFile(pathOf(key));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    delete: (key) => rm(pathOf(key), { force: true }),
    signedUrl: async () => null,
  };
}
