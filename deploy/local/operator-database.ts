/** The database for commands of an operator, such as `npm run staff` and `npm run catalogue`. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import { startEmbeddedPostgres } from '#libs/embedded/embedded-postgres.ts';
import { preparePostgres } from '#libs/embedded/postgres-binaries.ts';
import { configSchema, type LocalVariables } from './config.ts';
import { archiveOf, DATABASE } from './database.ts';
import { readOrCreateSecrets } from './secrets.ts';
import { scriptPath } from './supervisor.ts';

/** The line of `postmaster.pid` that holds the port (src/include/utils/pidfile.h). */
const PORT_LINE = 3;

/** A connection string of the database's owner. `close` stops the database if it was started for the command. */
export type OperatorDatabase = { url: string; close: () => Promise<void> };

/**
 * Opens the database in `DATABASE_URL`, or that of `npm start`. If `npm start` is not running, its database is started
 * until `close`.
 *
 * @throws Error when there is no database yet, or it cannot be started.
 */
export async function openOperatorDatabase(): Promise<OperatorDatabase> {
  const found = await findRunningDatabase();
  if (found !== undefined) return { url: found, close: async () => undefined };
  const { folder, variables } = readLocalConfig();
  const clusterFolder = path.join(folder, 'postgres');
  const { dataFolder } = await preparePostgres(clusterFolder);
  if (!existsSync(dataFolder)) {
    throw new Error(`There is no database in ${folder}. Create it with \`npm start\`, or set DATABASE_URL.`);
  }
  const { postgresPassword } = readOrCreateSecrets(path.join(folder, 'secrets.json'));
  const server = await startEmbeddedPostgres({
    dataFolder: clusterFolder,
    password: postgresPassword,
    port: 0,
    settings: await archiveOf(variables, clusterFolder),
  });
  return { url: server.url(DATABASE), close: () => server.stop() };
}

/** The folder of `npm start`. */
export const localFolder = () => readLocalConfig().folder;

function readLocalConfig(): { variables: LocalVariables; folder: string } {
  loadDotEnv(scriptPath('.env'));
  const variables = loadConfig(configSchema, processEnv());
  return { variables, folder: path.resolve(scriptPath('.'), variables.DATA_FOLDER) };
}

async function findRunningDatabase(): Promise<string | undefined> {
  const { variables, folder } = readLocalConfig();
  if (variables.DATABASE_URL !== undefined) return variables.DATABASE_URL;
  const { dataFolder } = await preparePostgres(path.join(folder, 'postgres'));
  const port = readPort(path.join(dataFolder, 'postmaster.pid'));
  if (port === undefined) return undefined;
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
