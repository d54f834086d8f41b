import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

function readHolder(path: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch {
    return null;
  }
}

/** Removes a dead holder's lock, and restores it if a live process has taken it meanwhile. */
function discardStale(path: string, aside: string): void {
  try {
    renameSync(path, aside);
    const holder = readHolder(aside);
    if (holder && isAlive(holder)) linkSync(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Takes a lock that becomes free as soon as its holder ends, however it ends.
 *
 * @returns `release`, or the process that holds the lock.
 */
export function takeLock(path: string): { release: () => void } | { heldBy: ProcessIdentity } {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, JSON.stringify(identify()), { mode: 0o600 });
  try {
    // A link appears with its content or not at all: no reader sees a partly written file.
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        linkSync(own, path);
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readHolder(path);
      if (holder && isAlive(holder)) return { heldBy: holder };
      discardStale(path, `${own}.stale`);
    }
    throw new Error(`The lock ${path} keeps changing hands; try again.`);
  } finally {
    rmSync(own, { force: true });
  }
}
