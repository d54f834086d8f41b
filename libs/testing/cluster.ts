import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { migrate } from '#libs/db/migrate.ts';
import {
  type EmbeddedPostgres,
  ensureDatabase,
  startEmbeddedPostgres,
} from '#libs/embedded/embedded-postgres.ts';
import { findFreePort } from '#libs/embedded/ports.ts';
import type { TestScope } from './database.ts';

export type TestCluster = {
  /** Connection string of a migrated database; unchanged by restarts. */
  url: string;
  /** Ends the server at once, as a power cut would. */
  kill: () => Promise<void>;
  /** Stops the server cleanly. */
  stop: () => Promise<void>;
  /** Starts it again on the same data and port. */
  start: () => Promise<void>;
  /** What the server has written to its log so far. */
  log: () => string;
};

/**
 * A separate PostgreSQL server, durable as in production, that a test may kill and restart. It takes about a second to
 * start: use `createTestDatabase` unless the test is about the server's crash.
 */
export async function createTestCluster(t: TestScope): Promise<TestCluster> {
  const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-cluster-'));
  const logFile = path.join(folder, 'postgres.log');
  const port = await findFreePort();
  const password = randomBytes(12).toString('hex');
  const launch = () =>
    startEmbeddedPostgres({ dataFolder: path.join(folder, 'postgres'), password, port, logFile });
  let server: EmbeddedPostgres = await launch();
  t.teardown(async () => {
    await server.stop();
    rmSync(server.dataFolder, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });
  await ensureDatabase(server.url(), 'inkmeter');
  const url = server.url('inkmeter');
  await migrate({ connectionString: url });
  return {
    url,
    kill: () => server.kill(),
    stop: () => server.stop(),
    start: async () => {
      server = await launch();
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}
