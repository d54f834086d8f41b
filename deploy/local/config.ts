import { z } from 'zod';
import { port } from '#libs/config/variables.ts';

/** The variables of `npm start` itself; everything else in the environment is handed on to the services. */
export const configSchema = z.object({
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe('PostgreSQL 18 to use; without it, `npm start` runs one of its own')
    .meta({ secret: true }),
  INKMETER_CATALOGUE: z
    .string()
    .prefault('default')
    .describe('What is sold: a preset of deploy/catalogues by name, or the path of a catalogue file'),
  DATA_FOLDER: z
    .string()
    .prefault('.inkmeter')
    .describe('Where `npm start` keeps its database, secrets and logs'),
  POSTGRES_PORT: port()
    .prefault('5433')
    .describe("Port of `npm start`'s own PostgreSQL; the next free one if taken"),
  SIMULATOR_PORT: port().prefault('8090').describe('Port of the provider simulator'),
  PORT: port().prefault('8080').describe('Port of the API'),
  BILLING_PORT: port().prefault('8081').describe('Port of billing under `npm start`'),
  USAGE_METERING_PORT: port().prefault('8082').describe('Port of usage-metering under `npm start`'),
  GENERATION_PORT: port().prefault('8083').describe('Port of generation under `npm start`'),
});

export type LocalVariables = z.output<typeof configSchema>;
