import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { takeLock } from '#libs/embedded/lock-file.ts';
import { isAlive, type ProcessIdentity } from '#libs/embedded/process-identity.ts';

const FOLDER = fileURLToPath(new URL('../../.inkmeter/test', import.meta.url));
const KEEPER = fileURLToPath(new URL('./server-keeper.ts', import.meta.url));
const PRELOAD = new URL('../service/preload.ts', import.meta.url).href;
const START_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 25;

type ServerFile = { adminUrl: string; keeper: ProcessIdentity };

function readServerFile(): ServerFile | null {
  try {
    const file = JSON.parse(readFileSync(path.join(FOLDER, 'server.json'), 'utf8')) as ServerFile;
    return isAlive(file.keeper) ? file : null;
  } catch {
    return null;
  }
}

/** An open connection marks the server as in use. It does not keep this process alive. */
async function takeLease(adminUrl: string): Promise<void> {
  const lease = new pg.Client({ connectionString: adminUrl, application_name: 'test-lease' });
  lease.on('error', () => undefined);
  await lease.connect();
  (lease as pg.Client & { unref: () => void }).unref();
}

async function startKeeper(): Promise<void> {
  const logFile = path.join(FOLDER, 'keeper.log');
  const log = openSync(logFile, 'w', 0o600);
  const keeper = spawn(process.execPath, ['--import', PRELOAD, KEEPER, FOLDER], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  keeper.unref();
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  while (readServerFile() === null) {
    if (keeper.exitCode !== null || keeper.signalCode !== null || deadline.aborted) {
      throw new Error(`The test database server did not start:\n${readFileSync(logFile, 'utf8')}`);
    }
    await delay(POLL_INTERVAL_MS);
  }
}

async function useSharedServer(): Promise<string> {
  mkdirSync(FOLDER, { recursive: true });
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  while (!deadline.aborted) {
    const running = readServerFile();
    if (running) {
      try {
        await takeLease(running.adminUrl);
        return running.adminUrl;
      } catch {
        // This server is stopping; another is started below as soon as it is gone.
      }
    }
    const lock = takeLock(path.join(FOLDER, 'start.lock'));
    if ('release' in lock) {
      try {
        if (readServerFile() === null) await startKeeper();
      } finally {
        lock.release();
      }
    }
    await delay(POLL_INTERVAL_MS);
  }
  throw new Error('The test database server did not become available.');
}

let adminUrl: Promise<string> | undefined;

/**
 * The superuser's connection string of the PostgreSQL that tests use: `TEST_DATABASE_URL` if it is set, else one
 * embedded server for all test files of this checkout, started by the first that needs it.
 *
 * @throws Error when no server is available: tests then fail, they are never skipped.
 */
export function testServerUrl(): Promise<string> {
  adminUrl ??= process.env.TEST_DATABASE_URL
    ? Promise.resolve(process.env.TEST_DATABASE_URL)
    : useSharedServer();
  return adminUrl;
}
