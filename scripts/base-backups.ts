/** Base backups of a data folder on this machine, and their restore, with the WAL archive to a point in time. */
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { localFolder, openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { readOrCreateSecrets } from '#deploy/local/secrets.ts';
import { restoreBaseBackup, takeBaseBackup } from '#libs/embedded/base-backup.ts';
import { startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { recoverySettings, requestRecovery } from '#libs/embedded/wal-archive.ts';

const SECRETS = 'secrets.json';
/** Replaying the WAL of a day of a busy server takes long. */
const RECOVERY_TIMEOUT_MS = 6 * 60 * 60 * 1_000;

/** @param data of the server in DATABASE_URL; without it, the database of `npm start` is backed up, with its secrets. */
export async function takeBase(target: string, data: string | undefined): Promise<string> {
  const { url, close } = await openOperatorDatabase();
  try {
    const folder = localFolder();
    const dataFolder = data ?? (await preparePostgres(path.join(folder, 'postgres'))).dataFolder;
    const { files } = await takeBaseBackup({ connectionString: url, dataFolder, target });
    const text = `Backed up ${Object.keys(files).length} files to ${target}`;
    if (data !== undefined) return `${text}.`;
    copyFileSync(path.join(folder, SECRETS), path.join(target, SECRETS));
    return `${text}, with the secrets of this installation.`;
  } finally {
    await close();
  }
}

export type RestoreOptions = {
  source: string;
  /** With the WAL archive, recovers what was committed after the backup too. */
  archive: string | undefined;
  /** All that is archived without it. */
  until: Date | undefined;
};

/** Restores into an empty DATA_FOLDER, and recovers. The installation can be started then. */
export async function restoreInstallation({ source, archive, until }: RestoreOptions): Promise<string> {
  const folder = localFolder();
  const clusterFolder = path.join(folder, 'postgres');
  const { dataFolder, runAs } = await preparePostgres(clusterFolder);
  if (existsSync(dataFolder)) throw new Error(`${dataFolder} exists. Restore into an empty DATA_FOLDER.`);
  mkdirSync(folder, { recursive: true });
  const { createdAt } = await restoreBaseBackup({ source, dataFolder, runAs });
  copyFileSync(path.join(source, SECRETS), path.join(folder, SECRETS));
  const text = `Restored the backup of ${createdAt} to ${folder}`;
  if (archive === undefined) return `${text}. Start it with npm start.`;
  requestRecovery(dataFolder, runAs);
  const reached = await recover(clusterFolder, recoverySettings(archive, until)).catch((error: Error) => {
    rmSync(dataFolder, { recursive: true, force: true });
    if (!error.message.includes('recovery ended before')) throw error;
    throw new Error('The archive ends before that time. Leave out --until to recover all that it has.');
  });
  return `${text} and recovered it to the commit of ${reached}. Start it with npm start.`;
}

/** Starts the server, which replays the archive and becomes writable, and stops it. @returns the last commit's time. */
async function recover(clusterFolder: string, settings: Record<string, string>): Promise<string> {
  const { postgresPassword: password } = readOrCreateSecrets(path.join(path.dirname(clusterFolder), SECRETS));
  const server = await startEmbeddedPostgres({
    dataFolder: clusterFolder,
    password,
    port: 0,
    settings,
    startTimeoutMs: RECOVERY_TIMEOUT_MS,
    logFile: path.join(path.dirname(clusterFolder), 'recovery.log'),
  });
  try {
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    const { rows } = await client.query<{ at: Date | null }>('SELECT pg_last_xact_replay_timestamp() AS at');
    await client.end();
    return rows[0]?.at?.toISOString() ?? 'the backup';
  } finally {
    await server.stop();
  }
}

/** Restores into the empty data folder of another server, which recovers at its next start. */
export async function prepareDataFolder(
  { source, archive, until }: RestoreOptions,
  dataFolder: string,
): Promise<string> {
  const owner = statSync(path.dirname(dataFolder));
  const runAs = process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {};
  const { createdAt } = await restoreBaseBackup({ source, dataFolder, runAs });
  const text = `Restored the backup of ${createdAt} to ${dataFolder}`;
  if (archive === undefined) return `${text}. Start the server.`;
  requestRecovery(dataFolder, runAs);
  const settings = Object.entries(recoverySettings(archive, until)).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`,
  );
  return `${text}. Add these lines to its configuration, and start the server:\n${settings.join('\n')}\n`;
}
