/** The database for commands that an operator runs while `npm start` runs. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { configSchema } from './config.ts';
import { DATABASE } from './database.ts';
import { readOrCreateSecrets } from './secrets.ts';
import { scriptPath } from './supervisor.ts';

/** The line of `postmaster.pid` that holds the port (src/include/utils/pidfile.h). */
const PORT_LINE = 3;

/**
 * The connection string of the database's owner: `DATABASE_URL`, or the database of the running `npm start`.
 *
 * @throws Error when neither exists.
 */
export async function findOperatorDatabase(): Promise<string> {
  loadDotEnv(scriptPath('.env'));
  const { DATABASE_URL, DATA_FOLDER } = loadConfig(configSchema, processEnv());
  if (DATABASE_URL !== undefined) return DATABASE_URL;
  const folder = path.resolve(scriptPath('.'), DATA_FOLDER);
  const { dataFolder } = await preparePostgres(path.join(folder, 'postgres'));
  const port = readPort(path.join(dataFolder, 'postmaster.pid'));
  if (port === undefined)
    throw new Error('No database is running. Start it with `npm start`, or set DATABASE_URL.');
  const { postgresPassword } = readOrCreateSecrets(path.join(folder, 'secrets.json'));
  return `postgres://postgres:${encodeURIComponent(postgresPassword)}@127.0.0.1:${port}/${DATABASE}`;
}

function readPort(pidFile: string): number | undefined {
  try {
    const port = Number(readFileSync(pidFile, 'utf8').split('\n')[PORT_LINE]);
    return Number.isInteger(port) && port > 0 ? port : undefined;
  } catch {
    return undefined;
  }
}
