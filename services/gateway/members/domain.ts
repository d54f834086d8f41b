/** Who may change whose membership. */
import { type AccountRole, MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

/** Owners deal with everybody, admins with everybody but owners. @throws ProblemError `role_required` */
export function checkMayManage(actorRole: AccountRole, ...touched: readonly AccountRole[]): void {
  const allowed = touched.includes('owner') ? (['owner'] as const) : MANAGER_ROLES;
  if (!allowed.includes(actorRole)) {
    throw problem('role_required', { fields: { required_roles: [...allowed], role: actorRole } });
  }
}

/** An account without an owner could never be managed again. @throws ProblemError `conflict` */
export function checkOwnerRemains(before: AccountRole, after: AccountRole | null, ownerCount: number): void {
  if (before === 'owner' && after !== 'owner' && ownerCount <= 1) {
    throw problem('conflict', {
      detail: 'The last owner of an account cannot leave or step down; make another owner first.',
    });
  }
}
