/** What an authenticated caller may do. */
import { isCommonPassword } from '#libs/auth/common-passwords.ts';
import type { AccountRole, Caller } from '#libs/contracts/internal-context.ts';
import type { RequiredScope } from '#libs/contracts/key-scopes.ts';
import { problem } from '#libs/problems/problems.ts';

/** A sign-in and the refresh tokens that continue it. */
export type Session = { userId: string; accountId: string; sessionId: string };

/**
 * Scopes restrict API keys; users have `*`.
 *
 * @param scope the scope of the route; without it, only `*` is enough.
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

/**
 * @returns the calling user's id.
 * @throws ProblemError `insufficient_scope` for an API key.
 */
export function requireUser(caller: Caller): string {
  if (caller.userId === null) {
    throw problem('insufficient_scope', { detail: 'Only a signed-in user may do this, not an API key.' });
  }
  return caller.userId;
}

/** Who acts, for the audit log: a user, or an API key of the account. */
export function actorOf(caller: Caller, requestId: string): { actor: string; requestId: string } {
  return { actor: caller.userId ?? caller.keyId ?? caller.accountId, requestId };
}

/** @throws ProblemError `semantic_error` */
export function checkNewPassword(password: string): void {
  if (!isCommonPassword(password)) return;
  throw problem('semantic_error', {
    detail: 'This password is one of the most common ones. Choose another, such as several unrelated words.',
    fields: { param: 'password' },
  });
}
