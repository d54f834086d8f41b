import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { identify, isAlive } from '#libs/embedded/process-identity.ts';
import type { Logger } from '#libs/service/logger.ts';
import { decodeEntries, encodeEntry, type Spool, type StoredEntry } from './domain.ts';

export type SpoolFileOptions = {
  directory: string;
  maxBytes: number;
  now: () => Date;
  logger: Logger;
};

export type SpoolFile = Spool & {
  /** Entries that wait to be replayed, oldest first. */
  readonly waiting: () => readonly StoredEntry[];
  /** Removes entries that have been replayed. */
  readonly remove: (replayed: ReadonlySet<StoredEntry>) => Promise<void>;
};

type Write = { stored: StoredEntry; line: string; done: PromiseWithResolvers<void> };

const FILE_NAME = /^settlements-(\d+)-(\w+)-[0-9a-f-]+\.jsonl$/;
const NO_START_TIME = 'unknown';

/**
 * Opens the spool of this process: a file of its own in the directory, with the entries of ended processes of this machine.
 * The file exists only while it has entries. Entries that are appended at the same time share one `fdatasync`.
 *
 * @throws Error if the directory cannot be written.
 */
export async function openSpoolFile(options: SpoolFileOptions): Promise<SpoolFile> {
  const { directory, maxBytes, now } = options;
  await mkdir(directory, { recursive: true });
  await access(directory, constants.W_OK);
  const { pid, startedAt } = identify();
  const name = `settlements-${pid}-${startedAt ?? NO_START_TIME}-${randomUUID()}.jsonl`;
  const file = path.join(directory, name);
  let waiting: StoredEntry[] = [];
  let queue: Write[] = [];
  let size = 0;
  let queuedBytes = 0;
  let lastChange: Promise<unknown> = Promise.resolve();

  /** Changes of the file run one after another. */
  function enqueue(change: () => Promise<void>): Promise<void> {
    const result = lastChange.then(change);
    lastChange = result.catch(() => undefined);
    return result;
  }

  async function writeQueue(): Promise<void> {
    const writes = queue;
    queue = [];
    if (writes.length === 0) return;
    const bytes = Buffer.from(writes.map(({ line }) => line).join(''));
    queuedBytes -= bytes.length;
    try {
      await appendDurably(file, bytes, size);
      size += bytes.length;
      waiting.push(...writes.map(({ stored }) => stored));
      for (const { done } of writes) done.resolve();
    } catch (error) {
      for (const { done } of writes) done.reject(error);
    }
  }

  async function replaceEntries(entries: StoredEntry[]): Promise<void> {
    const text = entries.map(encodeEntry).join('');
    if (entries.length === 0) {
      await rm(file, { force: true });
    } else {
      await writeFile(`${file}.next`, text, { flush: true, mode: 0o600 });
      await rename(`${file}.next`, file);
    }
    await syncDirectory(directory);
    size = Buffer.byteLength(text);
    waiting = entries;
  }

  const left = await readFilesOfEndedProcesses(options);
  const entries = left.flatMap((one) => one.entries).sort((first, second) => first.at - second.at);
  if (entries.length > 0) await replaceEntries(entries);
  // An entry that a crash here leaves in both files is replayed twice, which changes nothing.
  for (const one of left) await rm(one.file, { force: true });

  return {
    append(entry) {
      const stored = { at: now().getTime(), entry };
      const line = encodeEntry(stored);
      const bytes = Buffer.byteLength(line);
      if (size + queuedBytes + bytes > maxBytes) return Promise.reject(new Error('The spool is full.'));
      const done = Promise.withResolvers<void>();
      queue.push({ stored, line, done });
      queuedBytes += bytes;
      void enqueue(writeQueue);
      return done.promise;
    },
    waiting: () => waiting,
    remove: (replayed) => enqueue(() => replaceEntries(waiting.filter((stored) => !replayed.has(stored)))),
  };
}

/** @param size of the file before. The rest of a write that fails is removed, so that the next line starts a new one. */
async function appendDurably(file: string, bytes: Buffer, size: number): Promise<void> {
  const handle = await open(file, 'a', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } catch (error) {
    await handle.truncate(size).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  if (size === 0) await syncDirectory(path.dirname(file));
}

/** Without it, a power failure may undo that a file was created, renamed or removed. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readFilesOfEndedProcesses({
  directory,
  logger,
}: SpoolFileOptions): Promise<{ file: string; entries: StoredEntry[] }[]> {
  const ended = (await readdir(directory)).filter(isOfEndedProcess);
  const read = await Promise.all(
    ended.map(async (name) => {
      const file = path.join(directory, name);
      // Another process that starts at the same time may have taken it over.
      const text = await readFile(file, 'utf8').catch(ignoreMissing);
      if (text === undefined) return [];
      const { entries, damaged } = decodeEntries(text);
      if (damaged > 0) {
        logger.error({ file, damaged }, 'spool file damaged');
        await writeFile(`${file}.damaged`, text, { flush: true, mode: 0o600 });
      }
      return [{ file, entries }];
    }),
  );
  return read.flat();
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function isOfEndedProcess(name: string): boolean {
  const [, pid, startedAt = NO_START_TIME] = FILE_NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  return !isAlive({ pid: Number(pid), startedAt: startedAt === NO_START_TIME ? null : startedAt });
}
