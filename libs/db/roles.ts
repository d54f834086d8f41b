import pg from 'pg';
import type { ServiceName } from '#libs/contracts/internal-context.ts';

/** The database role that each service connects as; migrations grant it what that service needs and no more. */
export const serviceRoles = {
  gateway: 'inkmeter_gateway',
  billing: 'inkmeter_billing',
  'usage-metering': 'inkmeter_metering',
  generation: 'inkmeter_generation',
} as const satisfies Record<ServiceName, string>;

const DUPLICATE_OBJECT = '42710';
const UNIQUE_VIOLATION = '23505';
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * Creates the roles that do not exist yet, without login, so that migrations can grant to them.
 *
 * @throws Error naming the missing role when the login may not create roles.
 */
export async function ensureServiceRoles(client: pg.ClientBase): Promise<void> {
  const existing = await client.query<{ rolname: string }>('select rolname from pg_roles');
  const names = new Set(existing.rows.map(({ rolname }) => rolname));
  for (const role of Object.values(serviceRoles)) {
    if (names.has(role)) continue;
    try {
      await client.query(`create role ${pg.escapeIdentifier(role)} nologin`);
    } catch (error) {
      const { code } = error as pg.DatabaseError;
      if (code === INSUFFICIENT_PRIVILEGE) {
        throw new Error(`This login may not create the role ${role}. Create it by hand, then migrate again.`);
      }
      // Roles belong to the whole server, and a migration of another database may have been quicker.
      if (code !== DUPLICATE_OBJECT && code !== UNIQUE_VIOLATION) throw error;
    }
  }
}

/** Lets a service's role log in with this password. */
export async function allowLogin(
  client: pg.ClientBase,
  service: ServiceName,
  password: string,
): Promise<void> {
  const role = pg.escapeIdentifier(serviceRoles[service]);
  await client.query(`alter role ${role} login password ${pg.escapeLiteral(password)}`);
}
