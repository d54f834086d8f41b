/** `npm run backup` and `npm run restore`: dumps by pg_dump and pg_restore, and base backups with a WAL archive. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { ensureServiceRoles } from '#libs/db/roles.ts';
import { prepareDataFolder, restoreInstallation, takeBase } from './base-backups.ts';

const DUMP = 'inkmeter.dump';
const MIN_TOOL_VERSION = 18;
const USAGE = `Usage:
  npm run backup -- <folder>                  backs up into a new folder, while the system works: the database in
                                              DATABASE_URL by a dump, that of npm start by a base backup
  npm run backup -- --base --data <its data folder> <folder>
                                              a base backup of the server in DATABASE_URL, on its machine
  npm run restore -- <folder>                 restores into an empty database, or an empty DATA_FOLDER; the system is stopped
  npm run restore -- --archive <WAL archive> [--until <time>] [--data <folder>] <folder>
                                              restores a base backup, and recovers all that is archived, or up to a time
                                              such as 2026-11-27T13:00:00Z; --data: of a server that you start yourself`;

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

function dump(target: string, databaseUrl: string): string {
  assertTool('pg_dump');
  mkdirSync(target, { mode: 0o700 });
  runTool('pg_dump', ['--format=custom', `--file=${path.join(target, DUMP)}`], databaseUrl);
  return `Dumped to ${target}.`;
}

async function restoreDump(source: string, databaseUrl: string): Promise<string> {
  assertTool('pg_restore');
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  // the dump has grants to them
  await ensureServiceRoles(client).finally(() => client.end());
  const database = new URL(databaseUrl).pathname.slice(1);
  const args = ['--exit-on-error', '--no-owner', `--dbname=${database}`, path.join(source, DUMP)];
  runTool('pg_restore', args, databaseUrl);
  return 'Restored. Run the set-up before the services: it gives the roles their logins.';
}

/** @throws Error for a time that is none, or has no zone. */
function readTime(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (!/(Z|[+-]\d\d:?\d\d)$/.test(text) || Number.isNaN(time.getTime()))
    throw new Error(`--until needs a time with its zone, such as 2026-11-27T13:00:00Z, not ${text}.`);
  return time;
}

async function run(args: string[]): Promise<string> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      base: { type: 'boolean' },
      data: { type: 'string' },
      archive: { type: 'string' },
      until: { type: 'string' },
    },
  });
  const [command, given, ...more] = positionals;
  if (given === undefined || more.length > 0) throw new Error(USAGE);
  const folder = path.resolve(given);
  const data = values.data && path.resolve(values.data);
  const { DATABASE_URL: databaseUrl } = processEnv();
  if (command === 'backup') {
    if (!databaseUrl) return takeBase(folder, undefined);
    if (!values.base) return dump(folder, databaseUrl);
    if (data) return takeBase(folder, data);
    throw new Error('Name the data folder of the server in DATABASE_URL with --data.');
  }
  if (command !== 'restore') throw new Error(USAGE);
  const until = readTime(values.until);
  if (until && !values.archive) throw new Error('--until needs the WAL --archive.');
  const options = { source: folder, archive: values.archive && path.resolve(values.archive), until };
  if (data) return prepareDataFolder(options, data);
  if (!databaseUrl) return restoreInstallation(options);
  if (options.archive) throw new Error('Restore on the machine of the server, into its --data folder.');
  return restoreDump(folder, databaseUrl);
}

loadDotEnv();
try {
  const startedAt = performance.now();
  const done = await run(process.argv.slice(2));
  console.log(`${done} ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
