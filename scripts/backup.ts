/**
 * `npm run backup -- <folder>` and `npm run restore -- <folder>`: of the database in DATABASE_URL by pg_dump and pg_restore,
 * else of the database of `npm start` by a base backup.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { localFolder, openOperatorDatabase } from '#deploy/local/operator-database.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { ensureServiceRoles } from '#libs/db/roles.ts';
import { restoreBaseBackup, takeBaseBackup } from '#libs/embedded/base-backup.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';

const DUMP = 'inkmeter.dump';
const SECRETS = 'secrets.json';
const MIN_TOOL_VERSION = 18;
const USAGE = `Usage:
  npm run backup -- <folder>    backs up into a new folder, while the system works
  npm run restore -- <folder>   restores into an empty database, or an empty DATA_FOLDER, of a system that is stopped`;

/** @throws Error when the tool is missing, or cannot read this server. */
function assertTool(name: string): void {
  let text: string;
  try {
    text = execFileSync(name, ['--version'], { encoding: 'utf8' });
  } catch {
    throw new Error(
      `${name} is not installed. Install the client programs of PostgreSQL ${MIN_TOOL_VERSION}.`,
    );
  }
  const major = Number(/(\d+)/.exec(text)?.[1]);
  if (major < MIN_TOOL_VERSION)
    throw new Error(
      `${text.trim()} cannot read PostgreSQL ${MIN_TOOL_VERSION}: install ${name} ${MIN_TOOL_VERSION}.`,
    );
}

/** Runs a client program; the connection string is in its environment, where other users cannot see it. */
function runTool(name: string, args: string[], databaseUrl: string): void {
  const { username, password, hostname, port, pathname, searchParams } = new URL(databaseUrl);
  execFileSync(name, args, {
    stdio: 'inherit',
    env: {
      ...processEnv(),
      PGUSER: decodeURIComponent(username),
      PGPASSWORD: decodeURIComponent(password),
      PGHOST: hostname,
      PGPORT: port || '5432',
      PGDATABASE: pathname.slice(1),
      ...(searchParams.has('sslmode') && { PGSSLMODE: searchParams.get('sslmode') ?? '' }),
      ...(searchParams.has('sslrootcert') && { PGSSLROOTCERT: searchParams.get('sslrootcert') ?? '' }),
    },
  });
}

async function backUp(target: string): Promise<string> {
  const { DATABASE_URL: databaseUrl } = processEnv();
  if (databaseUrl) {
    assertTool('pg_dump');
    mkdirSync(target, { mode: 0o700 });
    runTool('pg_dump', ['--format=custom', `--file=${path.join(target, DUMP)}`], databaseUrl);
    return `Dumped to ${target}.`;
  }
  const { url, close } = await openOperatorDatabase();
  try {
    const folder = localFolder();
    const { dataFolder } = await preparePostgres(path.join(folder, 'postgres'));
    const { files } = await takeBaseBackup({ connectionString: url, dataFolder, target });
    copyFileSync(path.join(folder, SECRETS), path.join(target, SECRETS));
    return `Backed up ${Object.keys(files).length} files to ${target}, with the secrets of this installation.`;
  } finally {
    await close();
  }
}

async function restore(source: string): Promise<string> {
  const { DATABASE_URL: databaseUrl } = processEnv();
  if (databaseUrl) {
    assertTool('pg_restore');
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    // the dump has grants to them
    await ensureServiceRoles(client).finally(() => client.end());
    runTool(
      'pg_restore',
      [
        '--exit-on-error',
        '--no-owner',
        `--dbname=${new URL(databaseUrl).pathname.slice(1)}`,
        path.join(source, DUMP),
      ],
      databaseUrl,
    );
    return 'Restored. Run the set-up before the services: it gives the roles their logins.';
  }
  const folder = localFolder();
  const { dataFolder, runAs } = await preparePostgres(path.join(folder, 'postgres'));
  if (existsSync(dataFolder)) throw new Error(`${dataFolder} exists. Restore into an empty DATA_FOLDER.`);
  mkdirSync(folder, { recursive: true });
  mkdirSync(path.dirname(dataFolder), { recursive: true });
  const { createdAt } = await restoreBaseBackup({ source, dataFolder, runAs });
  copyFileSync(path.join(source, SECRETS), path.join(folder, SECRETS));
  return `Restored the backup of ${createdAt} to ${folder}. Start it with npm start.`;
}

const COMMANDS: Record<string, (folder: string) => Promise<string>> = { backup: backUp, restore };

loadDotEnv();
const [name = '', folder] = process.argv.slice(2);
const command = COMMANDS[name];
try {
  if (command === undefined || folder === undefined) throw new Error(USAGE);
  const startedAt = performance.now();
  const done = await command(path.resolve(folder));
  console.log(`${done} ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
