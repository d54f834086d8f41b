/** What a caller may do, once it is known who calls. */
import type { AccountRole, Caller } from '#libs/contracts/internal-context.ts';
import type { RequiredScope } from '#libs/contracts/key-scopes.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * Scopes restrict API keys; people carry `*`.
 *
 * @param scope what the route asks for; without it, only `*` will do.
 * @throws ProblemError `insufficient_scope`
 */
export function requireScope(caller: Caller, scope: RequiredScope | undefined): void {
  if (scope === 'any' || caller.scopes.includes('*')) return;
  if (scope !== undefined && caller.scopes.includes(scope)) return;
  throw problem('insufficient_scope', {
    fields: { required_scope: scope ?? '*', scopes: [...caller.scopes] },
  });
}

/** @throws ProblemError `role_required` */
export function requireRole(caller: Caller, allowed: readonly AccountRole[]): void {
  if (!allowed.includes(caller.role)) {
    throw problem('role_required', { fields: { required_roles: [...allowed], role: caller.role } });
  }
}

/** The person who calls. @throws ProblemError `insufficient_scope` for an API key, which is nobody. */
export function requirePerson(caller: Caller): string {
  if (caller.userId === null) {
    throw problem('insufficient_scope', { detail: 'Only a signed-in person may do this, not an API key.' });
  }
  return caller.userId;
}
