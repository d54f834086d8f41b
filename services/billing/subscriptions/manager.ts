import type { FastifyRequest } from 'fastify';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';

/** Who decides about the money of an account, and which account that is. */
export type Manager = { accountId: string; by: string };

/**
 * Lets those through who run the account: owners, admins, and API keys that may do everything.
 *
 * @throws ProblemError `role_required`
 */
export function requireManager(request: FastifyRequest): Manager {
  const { accountId, userId, keyId, role, scopes } = callerOf(request);
  const isAllowed = keyId === null ? MANAGER_ROLES.includes(role) : scopes.includes('*');
  if (!isAllowed) throw problem('role_required', { fields: { required_roles: MANAGER_ROLES, role } });
  return { accountId, by: userId ?? keyId ?? accountId };
}
