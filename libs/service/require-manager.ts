import type { FastifyRequest } from 'fastify';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from './internal-calls.ts';

/** The account to manage, and the id of the user or API key that manages it. */
export type Manager = { accountId: string; by: string };

/**
 * Admits callers that may manage an account: its owners and admins, and API keys with every scope.
 *
 * @throws ProblemError `role_required`
 */
export function requireManager(request: FastifyRequest): Manager {
  const { accountId, userId, keyId, role, scopes } = callerOf(request);
  const isAllowed = keyId === null ? MANAGER_ROLES.includes(role) : scopes.includes('*');
  if (!isAllowed) throw problem('role_required', { fields: { required_roles: MANAGER_ROLES, role } });
  return { accountId, by: userId ?? keyId ?? accountId };
}
