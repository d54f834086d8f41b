import { z } from 'zod';
import { durationMs, integer, list } from '#libs/config/variables.ts';

const MIN_SECRET_LENGTH = 32;

/** The variables of every service that uses the shared database. Spread them into its schema. */
export function backendVariables() {
  return {
    DATABASE_URL: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
      .meta({ secret: true })
      .describe('Connection string of the PostgreSQL database'),
    DATABASE_POOL_SIZE: integer({ min: 1, max: 1000 })
      .prefault('10')
      .describe('Maximum number of database connections of this process'),
    STATEMENT_TIMEOUT: durationMs()
      .prefault('15s')
      .describe('Time after which the database cancels a statement'),
    INTERNAL_SECRETS: list()
      .refine(
        (secrets) => secrets.length > 0 && secrets.every((secret) => secret.length >= MIN_SECRET_LENGTH),
        {
          error: `must be one or more secrets of at least ${MIN_SECRET_LENGTH} characters`,
        },
      )
      .meta({ secret: true })
      .describe('Comma-separated secrets for signing requests between services; the first signs, all verify'),
  };
}
