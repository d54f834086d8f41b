import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { processEnv } from '#libs/config/env.ts';
import { takeLock } from './lock-file.ts';
import { findFreePort, isPortFree, LOOPBACK, portInUse } from './ports.ts';
import { type PostgresInstallation, preparePostgres } from './postgres-binaries.ts';
import { isAlive, programName } from './process-identity.ts';

const run = promisify(execFile);

const SUPERUSER = 'postgres';
const READY_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 20;

/** Tuned for a small machine; nothing here trades a committed transaction for speed. */
const SETTINGS = {
  listen_addresses: LOOPBACK,
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  effective_cache_size: '1GB',
  work_mem: '8MB',
  maintenance_work_mem: '128MB',
  // No replicas, but backups while the server works.
  wal_level: 'replica',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  wal_buffers: '16MB',
  wal_compression: 'on',
  min_wal_size: '256MB',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  random_page_cost: '1.1',
  jit: 'off',
  autovacuum_naptime: '15s',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Without the values that a failed statement had: they are addresses, texts and tokens.
  log_error_verbosity: 'terse',
};

const DURABLE = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' };
const DISPOSABLE = { fsync: 'off', synchronous_commit: 'on', full_page_writes: 'off' };

export type EmbeddedPostgresOptions = {
  /** Where the cluster lives; created by `initdb` on first use, kept afterwards. */
  dataFolder: string;
  /** Of the superuser `postgres`; fixed at the first start. */
  password: string;
  /** Port to listen on, 5433 by default. 0 takes a free one. */
  port?: number;
  /** Names the port when it is taken; 'PostgreSQL' by default. */
  portUse?: string;
  /** PostgreSQL's own log. Dropped when absent. */
  logFile?: string;
  /** False turns fsync off: for clusters that tests throw away. */
  durable?: boolean;
  /** Throws an earlier cluster in `dataFolder` away first. */
  fresh?: boolean;
  /** Preloads `pg_stat_statements`, which costs a little on each statement. */
  statementStatistics?: boolean;
  /** Further settings, stronger than the defaults. */
  settings?: Record<string, string>;
  /** How long the start may take; a minute by default. A recovery replays the WAL first. */
  startTimeoutMs?: number;
};

export type EmbeddedPostgres = {
  port: number;
  pid: number;
  /** Where the data is; not `dataFolder` of the options if PostgreSQL's account cannot read root's folders. */
  dataFolder: string;
  /** Connection string of a database on this server, for the superuser unless `login` is given. */
  url: (database?: string, login?: { user: string; password: string }) => string;
  /** Resolves when the server process has exited. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /**
   * Ends every session and waits for the server to exit. Safe to repeat. After `fast` the cluster is clean; after
   * `immediate` the next start recovers it.
   */
  stop: (mode?: 'fast' | 'immediate') => Promise<void>;
  /** SIGKILL to the server, as a power cut would: for crash tests. */
  kill: () => Promise<void>;
};

async function choosePort(wanted: number, use: string): Promise<number> {
  if (wanted === 0) return findFreePort();
  if (await isPortFree(wanted)) return wanted;
  throw new Error(`${portInUse(wanted, use)} Stop that program or choose another port.`);
}

/** The server's own record in `postmaster.pid` (src/include/utils/pidfile.h). */
function readServerFile(dataFolder: string): { pid: number; isReady: boolean } | null {
  try {
    const lines = readFileSync(path.join(dataFolder, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), isReady: lines[7]?.trim() === 'ready' };
  } catch {
    return null;
  }
}

async function initialise(
  { binFolder, dataFolder, runAs }: PostgresInstallation,
  options: EmbeddedPostgresOptions,
) {
  if (existsSync(dataFolder)) return;
  // Created under another name and renamed: an interrupted first start must not look like a cluster.
  const partial = `${dataFolder}.partial`;
  const passwordFile = path.join(os.tmpdir(), `inkmeter-${randomUUID()}`);
  writeFileSync(passwordFile, options.password, { mode: 0o600 });
  try {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { mode: 0o700 });
    for (const file of [passwordFile, partial]) {
      if (runAs.uid !== undefined && runAs.gid !== undefined) chownSync(file, runAs.uid, runAs.gid);
    }
    const flags = [
      `--pgdata=${partial}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(options.durable === false ? ['--no-sync'] : []),
    ];
    await run(path.join(binFolder, 'initdb'), flags, { ...runAs, cwd: os.tmpdir() });
    renameSync(partial, dataFolder);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Stops a server that outlived its starter, and removes the files of a killed one. */
async function clearLeftovers(dataFolder: string): Promise<void> {
  const left = readServerFile(dataFolder);
  if (!left) return;
  const server = { pid: left.pid, startedAt: null };
  const name = programName(left.pid);
  if (isAlive(server) && (name === 'postgres' || name === null)) {
    process.kill(left.pid, 'SIGINT');
    const deadline = AbortSignal.timeout(READY_TIMEOUT_MS);
    while (isAlive(server)) {
      if (deadline.aborted)
        throw new Error(`PostgreSQL (process ${left.pid}) in ${dataFolder} does not stop.`);
      await delay(POLL_INTERVAL_MS);
    }
  }
  // The pid may belong to another program by now; PostgreSQL would take that for a running server.
  rmSync(path.join(dataFolder, 'postmaster.pid'), { force: true });
}

/** Lets open sessions finish for ten seconds, then ends them. */
const STOP_SCRIPT = `read -r _
kill -TERM "$0"
for second in 1 2 3 4 5 6 7 8 9 10; do
  sleep 1
  kill -0 "$0" || exit
done
kill -INT "$0"`;

/**
 * Starts a shell that waits until the kernel closes our end of its input, however this process dies, and then stops
 * the server. The server itself cannot watch this process.
 */
function stopServerWhenWeDie(serverPid: number, { runAs }: PostgresInstallation): ChildProcess {
  const watcher = spawn('/bin/sh', ['-c', STOP_SCRIPT, String(serverPid)], {
    ...runAs,
    cwd: os.tmpdir(),
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as { unref?: () => void } | null)?.unref?.();
  return watcher;
}

function settingFlags(options: EmbeddedPostgresOptions, port: number): string[] {
  const settings = {
    ...SETTINGS,
    ...(options.durable === false ? DISPOSABLE : DURABLE),
    ...(options.statementStatistics ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
    ...options.settings,
    port: String(port),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

function tailOf(logFile: string | undefined): string {
  if (!logFile || !existsSync(logFile)) return '';
  return `\n${readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-8).join('\n')}`;
}

/** Starts the server process and waits until it accepts connections. */
async function launch(installation: PostgresInstallation, options: EmbeddedPostgresOptions, port: number) {
  const { binFolder, dataFolder, runAs } = installation;
  const log = options.logFile ? openSync(options.logFile, 'a', 0o600) : null;
  const server = spawn(path.join(binFolder, 'postgres'), ['-D', dataFolder, ...settingFlags(options, port)], {
    ...runAs,
    cwd: os.tmpdir(),
    env: { LC_ALL: 'C', PATH: processEnv().PATH },
    // Its own process group: Ctrl-C must reach the services first and the database last.
    detached: true,
    stdio: ['ignore', log ?? 'ignore', log ?? 'ignore'],
  });
  if (log !== null) closeSync(log);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    server.once('exit', (code, signal) => resolve({ code, signal }));
    server.once('error', () => resolve({ code: null, signal: null }));
  });
  const deadline = AbortSignal.timeout(options.startTimeoutMs ?? READY_TIMEOUT_MS);
  while (server.exitCode === null && server.signalCode === null && server.pid !== undefined) {
    const file = readServerFile(dataFolder);
    if (file?.isReady && file.pid === server.pid) return { pid: server.pid, server, exited };
    if (deadline.aborted) server.kill('SIGQUIT');
    await delay(POLL_INTERVAL_MS);
  }
  throw new Error(`PostgreSQL did not start in ${dataFolder}.${tailOf(options.logFile)}`);
}

/**
 * Starts PostgreSQL 18 from its packaged binaries and waits until it accepts connections.
 * The server stops when this process ends, however it ends; committed data survives.
 *
 * @throws Error when another live process runs this cluster, the port is taken, or PostgreSQL does not start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const installation = await preparePostgres(options.dataFolder);
  const { dataFolder } = installation;
  const lock = takeLock(`${dataFolder}.lock`);
  if ('heldBy' in lock) {
    throw new Error(
      `The database in ${dataFolder} is already in use by process ${lock.heldBy.pid}. Stop that one first.`,
    );
  }
  try {
    await clearLeftovers(dataFolder);
    if (options.fresh) rmSync(dataFolder, { recursive: true, force: true });
    await initialise(installation, options);
    const port = await choosePort(options.port ?? 5433, options.portUse ?? 'PostgreSQL');
    const { pid, server, exited } = await launch(installation, options, port);
    const watcher = stopServerWhenWeDie(pid, installation);
    const gone = exited.then((end) => {
      watcher.kill('SIGKILL');
      lock.release();
      return end;
    });
    const end = async (signal: NodeJS.Signals) => {
      server.kill(signal);
      await gone;
    };
    return {
      port,
      pid,
      dataFolder,
      url: (database = 'postgres', login = { user: SUPERUSER, password: options.password }) =>
        `postgres://${login.user}:${encodeURIComponent(login.password)}@${LOOPBACK}:${port}/${database}`,
      exited: gone,
      stop: (mode = 'fast') => end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
      kill: () => end('SIGKILL'),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Creates a database unless it exists. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (!rowCount) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
