import { z } from 'zod';
import { type InternalKey, MIN_SECRET_LENGTH } from '#libs/auth/internal-identity.ts';
import { durationMs, integer, list } from '#libs/config/variables.ts';
import { SERVICE_NAMES, type ServiceName } from '#libs/contracts/internal-context.ts';

/** The variables of every service that uses the shared database. Spread them into its schema. */
export function backendVariables() {
  return {
    DATABASE_URL: connectionString('Connection string of the PostgreSQL database'),
    DATABASE_DIRECT_URL: connectionString(
      'Connection string for notifications and background jobs, which a pooler in transaction mode loses; DATABASE_URL unless given',
    ).optional(),
    DATABASE_POOL_SIZE: integer({ min: 1, max: 1000 })
      .prefault('10')
      .describe('Maximum number of database connections of this process'),
    STATEMENT_TIMEOUT: durationMs()
      .prefault('15s')
      .describe('Time after which the database cancels a statement'),
    INTERNAL_KEYS: internalKeys()
      .meta({ secret: true })
      .describe(
        'Comma-separated keys of requests between services, each `sender:receiver:secret`; give a service only those with its name. For each pair the first signs, all verify',
      ),
  };
}

const connectionString = (description: string) =>
  z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
    .meta({ secret: true })
    .describe(description);

function internalKeys() {
  return list().transform((entries, context) => {
    const keys = entries.map(parseKey);
    const isWhole = keys.every((key) => key !== undefined);
    if (isWhole && keys.length > 0) return keys;
    context.addIssue(
      `must be entries of sender:receiver:secret with services (${SERVICE_NAMES.join(', ')}) and secrets of at least ${MIN_SECRET_LENGTH} characters`,
    );
    return z.NEVER;
  });
}

function parseKey(entry: string): InternalKey | undefined {
  const [sender, receiver, secret = '', ...more] = entry.split(':');
  if (!isService(sender) || !isService(receiver)) return undefined;
  return secret.length < MIN_SECRET_LENGTH || more.length > 0 ? undefined : { sender, receiver, secret };
}

function isService(name: string | undefined): name is ServiceName {
  return SERVICE_NAMES.some((service) => service === name);
}
