import { z } from 'zod';
import { port } from '#libs/config/variables.ts';

const operationsPort = (service: string, portVariable: string) =>
  port()
    .optional()
    .describe(
      `Port of the operations endpoints of ${service} under \`npm start\`; ${portVariable} + 1000 unless given`,
    );

/** The variables of `npm start` itself; every other variable of the environment is passed on to the services. */
export const configSchema = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('PostgreSQL 18 to use; without it, `npm start` runs an embedded one')
    .meta({ secret: true }),
  INKMETER_CATALOGUE: z
    .string()
    .prefault('default')
    .describe(
      'Catalogue file to import: a preset of deploy/catalogues by name, or a path. It becomes active at the first start; later, publish it',
    ),
  DATA_FOLDER: z
    .string()
    .prefault('.inkmeter')
    .describe('Folder for the database, secrets and logs of `npm start`'),
  POSTGRES_PORT: port().prefault('5433').describe('Port of the embedded PostgreSQL of `npm start`'),
  WAL_ARCHIVE: z
    .string()
    .optional()
    .describe(
      'Folder in which `npm start` archives the WAL of its database, for `npm run restore -- --until`; none by default',
    ),
  SIMULATOR_PORT: port().prefault('8090').describe('Port of the provider simulator'),
  STRIPE_SIMULATOR_PORT: port().prefault('8091').describe('Port of the simulated Stripe account'),
  PAYMENTS: z
    .enum(['stripe', 'manual'])
    .prefault('stripe')
    .describe(
      'Under `npm start`: `stripe`, simulated without STRIPE_SECRET_KEY, or `manual`, recorded by staff',
    ),
  PORT: port().prefault('8080').describe('Port of the API'),
  BILLING_PORT: port().prefault('8081').describe('Port of billing under `npm start`'),
  USAGE_METERING_PORT: port().prefault('8082').describe('Port of usage-metering under `npm start`'),
  GENERATION_PORT: port().prefault('8083').describe('Port of generation under `npm start`'),
  GATEWAY_OPERATIONS_PORT: operationsPort('the gateway', 'PORT'),
  BILLING_OPERATIONS_PORT: operationsPort('billing', 'BILLING_PORT'),
  USAGE_METERING_OPERATIONS_PORT: operationsPort('usage-metering', 'USAGE_METERING_PORT'),
  GENERATION_OPERATIONS_PORT: operationsPort('generation', 'GENERATION_PORT'),
});

export type LocalVariables = z.output<typeof configSchema>;
