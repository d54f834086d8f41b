/**
 * A base backup of a running PostgreSQL server on this machine, by its low-level API (PostgreSQL 18, section 25.3.4): the
 * packaged binaries have neither pg_basebackup nor pg_dump.
 */
import { createHash, hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, chown, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import type { RunAs } from './postgres-binaries.ts';

const MANIFEST = 'backup.json';
const DATA = 'data';
const SLOT = 'inkmeter_backup';
const LABEL = 'inkmeter';

/** Left out with their contents; the server creates them anew. */
const SKIPPED_FILES = new Set(['postmaster.pid', 'postmaster.opts', 'pg_internal.init']);
/** Needed as empty folders. `pg_wal` is copied after the end of the backup. */
const EMPTIED_FOLDERS = new Set([
  'pg_wal',
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);

export type BackupManifest = {
  createdAt: string;
  serverVersion: string;
  /** SHA-256 of each file, by its path in the data folder. */
  files: Record<string, string>;
};

/** A path relative to the data folder, and whether it is a folder. */
type Entry = { name: string; isFolder: boolean };

async function listEntries(root: string, folder = ''): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (SKIPPED_FILES.has(entry.name)) continue;
    entries.push({ name, isFolder: entry.isDirectory() });
    if (entry.isDirectory() && !EMPTIED_FOLDERS.has(name)) entries.push(...(await listEntries(root, name)));
  }
  return entries;
}

/** Copies durably, in one pass. @returns the SHA-256, or undefined if the file has gone, as files of temporary tables do. */
async function copyAndHash(from: string, to: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  const hashed = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  try {
    const source = await open(from);
    await pipeline(source.createReadStream(), hashed, createWriteStream(to, { flush: true }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}

/**
 * Backs up the whole server into a new folder while it works. What was committed before the call is in the backup.
 *
 * @param options.connectionString of a superuser.
 * @param options.dataFolder of that server.
 * @throws Error when the target exists, or the server's `wal_level` is `minimal`.
 */
export async function takeBaseBackup(options: {
  connectionString: string;
  dataFolder: string;
  target: string;
}): Promise<BackupManifest> {
  const { connectionString, dataFolder, target } = options;
  await mkdir(target, { mode: 0o700 });
  const data = path.join(target, DATA);
  await mkdir(data, { mode: 0o700 });
  const client = new pg.Client({ connectionString, application_name: 'inkmeter-backup' });
  await client.connect();
  try {
    // A temporary slot keeps the WAL of the backup until the session ends.
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [SLOT]);
    const { rows: started } = await client.query<{ first: string; version: string }>(
      `SELECT pg_walfile_name(pg_backup_start($1, true)) AS first, current_setting('server_version') AS version`,
      [LABEL],
    );
    const { first = '', version: serverVersion = '' } = started[0] ?? {};
    const files: Record<string, string> = {};
    const copy = async (name: string) => {
      const hash = await copyAndHash(path.join(dataFolder, name), path.join(data, name));
      if (hash !== undefined) files[name] = hash;
    };
    for (const { name, isFolder } of await listEntries(dataFolder)) {
      if (isFolder) await mkdir(path.join(data, name), { mode: 0o700 });
      else await copy(name);
    }
    const { rows: stopped } = await client.query<{ labelfile: string; spcmapfile: string }>(
      'SELECT labelfile, spcmapfile FROM pg_backup_stop(false)',
    );
    const label = stopped[0]?.labelfile ?? '';
    await writeFile(path.join(data, 'backup_label'), label, { flush: true });
    files.backup_label = hash('sha256', label);
    const segments = await readdir(path.join(dataFolder, 'pg_wal'));
    for (const name of segments.filter((one) => /^[0-9A-F]{24}$/.test(one) && one >= first)) {
      await copy(path.join('pg_wal', name));
    }
    const manifest: BackupManifest = { createdAt: new Date().toISOString(), serverVersion, files };
    // Written last: a folder without it is not a backup.
    await writeFile(path.join(target, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
    return manifest;
  } finally {
    await client.end();
  }
}

/**
 * Puts a backup into a new data folder. The next start of the server recovers it.
 *
 * @param options.runAs the account that the server runs as.
 * @throws Error when the target exists, the backup is incomplete, or one of its files has changed.
 */
export async function restoreBaseBackup(options: {
  source: string;
  dataFolder: string;
  runAs: RunAs;
}): Promise<BackupManifest> {
  const { source, dataFolder, runAs } = options;
  const text = await readFile(path.join(source, MANIFEST), 'utf8').catch(() => {
    throw new Error(`${source} is not a complete backup: ${MANIFEST} is missing.`);
  });
  const manifest = JSON.parse(text) as BackupManifest;
  const data = path.join(source, DATA);
  const own = async (file: string, mode: number) => {
    await chmod(file, mode);
    if (runAs.uid !== undefined && runAs.gid !== undefined) await chown(file, runAs.uid, runAs.gid);
  };
  await mkdir(dataFolder);
  await own(dataFolder, 0o700);
  try {
    for (const { name, isFolder } of await listEntries(data)) {
      if (!isFolder) continue;
      await mkdir(path.join(dataFolder, name));
      await own(path.join(dataFolder, name), 0o700);
    }
    for (const [name, expected] of Object.entries(manifest.files)) {
      const to = path.join(dataFolder, name);
      const found = await copyAndHash(path.join(data, name), to);
      if (found !== expected) throw new Error(`${name} of the backup has changed.`);
      await own(to, 0o600);
    }
  } catch (error) {
    await rm(dataFolder, { recursive: true, force: true });
    throw error;
  }
  return manifest;
}
