/** PostgreSQL of the system under proof: durable, and stopped immediately by some cases. */

import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseServicePorts } from '#deploy/local/service-ports.ts';
import { migrate } from '#libs/db/migrate.ts';
import {
  type EmbeddedPostgres,
  ensureDatabase,
  startEmbeddedPostgres,
} from '#libs/embedded/embedded-postgres.ts';

const DATABASE = 'inkmeter';

export type ProvedDatabase = {
  /** Unchanged by restarts. */
  url: string;
  /** Like `pg_ctl stop -m immediate`, without a checkpoint; after the outage it restarts on the same data. */
  crashAndRecover: (outageMs: number) => Promise<void>;
  /** Stops the server and removes its data, which may lie outside the given folder. */
  remove: () => Promise<void>;
};

export async function startProvedDatabase(options: {
  folder: string;
  logFolder: string;
  password: string;
}): Promise<ProvedDatabase> {
  const [port = 0] = await chooseServicePorts(1);
  const launch = () =>
    startEmbeddedPostgres({
      dataFolder: path.join(options.folder, 'postgres'),
      password: options.password,
      port,
      logFile: path.join(options.logFolder, 'postgres.log'),
    });
  let server: EmbeddedPostgres = await launch();
  const url = server.url(DATABASE);
  const remove = async () => {
    await server.stop('immediate');
    await rm(server.dataFolder, { recursive: true, force: true });
  };
  try {
    await ensureDatabase(server.url(), DATABASE);
    await migrate({ connectionString: url });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    url,
    async crashAndRecover(outageMs) {
      await server.stop('immediate');
      await delay(outageMs);
      server = await launch();
    },
    remove,
  };
}
