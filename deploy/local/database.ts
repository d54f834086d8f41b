import { closeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { migrate } from '#libs/db/migrate.ts';
import { allowLogin, serviceRoles } from '#libs/db/roles.ts';
import {
  type EmbeddedPostgres,
  ensureDatabase,
  startEmbeddedPostgres,
} from '#libs/embedded/embedded-postgres.ts';
import { archiveSettings, prepareArchive } from '#libs/embedded/wal-archive.ts';
import type { LocalVariables } from './config.ts';
import { openLog } from './log-tail.ts';
import { databasePasswordOf, type Secrets } from './secrets.ts';

export const DATABASE = 'inkmeter';
const RESTART_DELAY_MS = 500;

export type LocalDatabase = {
  /** For the role that may change the schema. */
  ownerUrl: string;
  /** For a service: with its own role on the embedded server, as given by DATABASE_URL otherwise. */
  serviceUrl: (service: ServiceName) => string;
  /** For the start screen; contains no secret. */
  description: string;
  stop: (mode?: 'fast' | 'immediate') => Promise<void>;
};

type Options = {
  variables: LocalVariables;
  secrets: Secrets;
  folder: string;
  logFolder: string;
  say: (line: string) => void;
};

/** Settings that archive the WAL, if the environment names a folder for it. */
export async function archiveOf(
  { WAL_ARCHIVE: archive }: LocalVariables,
  dataFolder: string,
): Promise<Record<string, string>> {
  if (archive === undefined) return {};
  const folder = path.resolve(archive);
  await prepareArchive(folder, dataFolder);
  return archiveSettings(folder);
}

async function runEmbedded({ variables, secrets, folder, logFolder, say }: Options): Promise<LocalDatabase> {
  const logFile = path.join(logFolder, 'postgres.log');
  closeSync(openLog(logFile));
  const dataFolder = path.join(folder, 'postgres');
  const settings = await archiveOf(variables, dataFolder);
  const launch = (port: number) =>
    startEmbeddedPostgres({
      dataFolder,
      password: secrets.postgresPassword,
      settings,
      port,
      portUse: 'embedded PostgreSQL, POSTGRES_PORT',
      logFile,
    });
  let server: EmbeddedPostgres = await launch(variables.POSTGRES_PORT);
  let isStopping = false;
  const watch = async (): Promise<void> => {
    await server.exited;
    if (isStopping) return;
    say('[postgres] exited unexpectedly; restarting');
    await delay(RESTART_DELAY_MS);
    if (isStopping) return;
    server = await launch(server.port);
    return watch();
  };
  watch().catch((error: unknown) => say(`[postgres] ${String(error)}`));
  await ensureDatabase(server.url(), DATABASE);
  return {
    ownerUrl: server.url(DATABASE),
    serviceUrl: (service) =>
      withLogin(server.url(DATABASE), service, databasePasswordOf(service, secrets.serviceDatabasePassword)),
    description: `127.0.0.1:${server.port}, data in ${server.dataFolder}`,
    stop: (mode) => {
      isStopping = true;
      return server.stop(mode);
    },
  };
}

function withLogin(databaseUrl: string, service: ServiceName, password: string): string {
  const url = new URL(databaseUrl);
  url.username = serviceRoles[service];
  url.password = password;
  return url.href;
}

async function letServicesIn(connectionString: string, secret: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const service of Object.keys(serviceRoles) as ServiceName[])
      await allowLogin(client, service, databasePasswordOf(service, secret));
  } finally {
    await client.end();
  }
}

/** Starts PostgreSQL, unless the environment names one, and brings its schema up to date. */
export async function startDatabase(options: Options): Promise<LocalDatabase> {
  const given = options.variables.DATABASE_URL;
  const database: LocalDatabase = given
    ? {
        ownerUrl: given,
        serviceUrl: () => given,
        description: `${new URL(given).host}, from DATABASE_URL`,
        stop: async () => undefined,
      }
    : await runEmbedded(options);
  try {
    await migrate({ connectionString: database.ownerUrl });
    if (!given) await letServicesIn(database.ownerUrl, options.secrets.serviceDatabasePassword);
    return database;
  } catch (error) {
    await database.stop();
    throw error;
  }
}
