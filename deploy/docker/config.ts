import { z } from 'zod';

const connectionString = (description: string) =>
  z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .meta({ secret: true })
    .describe(description);

const ofService = (service: string) =>
  connectionString(
    `Connection string of ${service}, for the set-up: its role may then log in with its password`,
  ).optional();

/** The variables of the set-up of the database. */
export const configSchema = z.object({
  DATABASE_URL: connectionString('For the set-up: a login that owns the schema and may create roles'),
  GATEWAY_DATABASE_URL: ofService('the gateway'),
  BILLING_DATABASE_URL: ofService('billing'),
  USAGE_METERING_DATABASE_URL: ofService('usage-metering'),
  GENERATION_DATABASE_URL: ofService('generation'),
  INKMETER_CATALOGUE: z
    .string()
    .prefault('default')
    .describe('Catalogue to import: a preset of deploy/catalogues by name, or a path'),
});

export type SetUpVariables = z.output<typeof configSchema>;
