/**
 * The set-up of a production database, run before the services of each release: migrations, the logins of the services'
 * roles, the price book and the catalogue. A second run changes nothing.
 */
import pg from 'pg';
import { bootstrap, cataloguePathOf, defaultPricesPath } from '#deploy/local/bootstrap.ts';
import { loadConfig } from '#libs/config/config.ts';
import { loadDotEnv, processEnv } from '#libs/config/env.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { migrate } from '#libs/db/migrate.ts';
import { allowLogin, serviceRoles } from '#libs/db/roles.ts';
import { configSchema, type SetUpVariables } from './config.ts';

const VARIABLE_OF = {
  gateway: 'GATEWAY_DATABASE_URL',
  billing: 'BILLING_DATABASE_URL',
  'usage-metering': 'USAGE_METERING_DATABASE_URL',
  generation: 'GENERATION_DATABASE_URL',
} as const satisfies Record<ServiceName, keyof SetUpVariables>;

/** Sets the password of each role to the one in its service's connection string. @throws Error for another role's string. */
async function allowLogins(variables: SetUpVariables): Promise<void> {
  const client = new pg.Client({ connectionString: variables.DATABASE_URL });
  await client.connect();
  try {
    for (const service of Object.keys(VARIABLE_OF) as ServiceName[]) {
      const text = variables[VARIABLE_OF[service]];
      if (text === undefined) continue;
      const { username, password } = new URL(text);
      if (username !== serviceRoles[service]) {
        throw new Error(`${VARIABLE_OF[service]} must log in as ${serviceRoles[service]}.`);
      }
      await allowLogin(client, service, decodeURIComponent(password));
    }
  } finally {
    await client.end();
  }
}

/** @throws Error naming the step that failed. */
export async function setUpDatabase(variables: SetUpVariables, log: (line: string) => void): Promise<void> {
  const { DATABASE_URL: databaseUrl } = variables;
  log('Migrating ...');
  await migrate({ connectionString: databaseUrl });
  await allowLogins(variables);
  log('Importing prices and catalogue ...');
  await bootstrap({
    databaseUrl,
    cataloguePath: cataloguePathOf(variables.INKMETER_CATALOGUE),
    pricesPath: defaultPricesPath,
    log,
  });
  log('The database is set up.');
}

if (import.meta.main) {
  loadDotEnv();
  await setUpDatabase(loadConfig(configSchema, processEnv()), (line) => console.log(line));
}
