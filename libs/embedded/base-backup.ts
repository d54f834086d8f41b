/**
 * A base backup of a running PostgreSQL server on this machine, by its low-level API (PostgreSQL 18, section 25.3.4): the
 * packaged binaries have neither pg_basebackup nor pg_dump.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, chown, copyFile, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
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

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  await handle.sync();
  await handle.close();
}

/** Copies durably. @returns false if the file has gone, as files of temporary tables do. */
async function copyDurably(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await syncFile(to);
  return true;
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
    const copied: string[] = [];
    for (const { name, isFolder } of await listEntries(dataFolder)) {
      const to = path.join(data, name);
      if (isFolder) await mkdir(to, { mode: 0o700 });
      else if (await copyDurably(path.join(dataFolder, name), to)) copied.push(name);
    }
    const { rows: stopped } = await client.query<{ labelfile: string; spcmapfile: string }>(
      'SELECT labelfile, spcmapfile FROM pg_backup_stop(false)',
    );
    await writeFile(path.join(data, 'backup_label'), stopped[0]?.labelfile ?? '', { flush: true });
    copied.push('backup_label');
    const segments = await readdir(path.join(dataFolder, 'pg_wal'));
    for (const name of segments.filter((one) => /^[0-9A-F]{24}$/.test(one) && one >= first)) {
      const segment = path.join('pg_wal', name);
      if (await copyDurably(path.join(dataFolder, segment), path.join(data, segment))) copied.push(segment);
    }
    const files: Record<string, string> = {};
    for (const name of copied) files[name] = await hashOf(path.join(data, name));
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
  for (const [name, hash] of Object.entries(manifest.files)) {
    if ((await hashOf(path.join(data, name))) !== hash) throw new Error(`${name} of the backup has changed.`);
  }
  const own = async (file: string, mode: number) => {
    await chmod(file, mode);
    if (runAs.uid !== undefined && runAs.gid !== undefined) await chown(file, runAs.uid, runAs.gid);
  };
  await mkdir(dataFolder);
  await own(dataFolder, 0o700);
  for (const { name, isFolder } of await listEntries(data)) {
    const to = path.join(dataFolder, name);
    if (isFolder) await mkdir(to);
    else await copyDurably(path.join(data, name), to);
    await own(to, isFolder ? 0o700 : 0o600);
  }
  for (const name of await readdir(path.join(data, 'pg_wal'))) {
    const to = path.join(dataFolder, 'pg_wal', name);
    await copyDurably(path.join(data, 'pg_wal', name), to);
    await own(to, 0o600);
  }
  return manifest;
}
