/** Who may change which membership, and when an invitation can be accepted. */
import { type AccountRole, type Caller, MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import type { SeatsView } from '#libs/contracts/members.ts';
import type { invitations } from '#libs/db/schema/gateway.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';

/** The meter that counts members. */
export const SEATS = 'team.members';

/** Seats are counted for the account, not for the user who adds a member. */
export function seatOwner(accountId: string) {
  return { accountId, userId: null, keyId: null, workspaceId: null };
}

/** @param limits those of the account, in their current windows. */
export function seatsOf(limits: readonly LimitUsage[]): SeatsView {
  const limit = limits.find(({ meter, scope }) => meter === SEATS && scope === 'account');
  const used = Number((limit?.used ?? 0n) + (limit?.held ?? 0n));
  if (limit === undefined || limit.kind !== 'n' || limit.amount === null) {
    const isDisabled = limit?.kind === 'disabled';
    return { used, total: isDisabled ? 0 : null, available: isDisabled ? 0 : null };
  }
  const total = Number(limit.amount);
  return { used, total, available: Math.max(0, total - used) };
}

/** Owners manage every role, admins every role but owner. @throws ProblemError `role_required` */
export function checkMayManage(actorRole: AccountRole, ...touched: readonly AccountRole[]): void {
  const allowed = touched.includes('owner') ? (['owner'] as const) : MANAGER_ROLES;
  if (!allowed.includes(actorRole)) {
    throw problem('role_required', { fields: { required_roles: [...allowed], role: actorRole } });
  }
}

/** An account without an owner could not be managed any more. @throws ProblemError `conflict` */
export function checkOwnerRemains(before: AccountRole, after: AccountRole | null, ownerCount: number): void {
  if (before === 'owner' && after !== 'owner' && ownerCount <= 1) {
    throw problem('conflict', {
      detail:
        'The last owner of an account can neither leave nor change role. Promote another member to owner first.',
    });
  }
}

/**
 * The owner who takes over the API keys of a member they remove.
 *
 * @throws ProblemError `role_required`, `conflict` for keys of one's own.
 */
export function requireHeir({ userId, role }: Caller, removedUserId: string): string {
  if (role !== 'owner' || userId === null) {
    throw problem('role_required', { fields: { required_roles: ['owner'], role } });
  }
  if (userId === removedUserId) {
    throw problem('conflict', { detail: 'You cannot keep your API keys when you leave the account.' });
  }
  return userId;
}

export type InvitationRow = typeof invitations.$inferSelect;
export type InvitationStatus = 'pending' | 'accepted' | 'revoked' | 'expired';

export const INVITATION_TTL_MS = 7 * 24 * 60 * 60 * 1000;
/** Pending invitations of one account. */
export const MAX_PENDING_INVITATIONS = 100;

type InvitationState = Pick<InvitationRow, 'acceptedAt' | 'revokedAt' | 'expiresAt'>;

export function invitationStatus(invitation: InvitationState, now: Date): InvitationStatus {
  if (invitation.acceptedAt !== null) return 'accepted';
  if (invitation.revokedAt !== null) return 'revoked';
  return invitation.expiresAt <= now ? 'expired' : 'pending';
}

/** An unknown token and one that no longer works are answered alike. @throws ProblemError `invitation_invalid` */
export function requirePending<Invitation extends InvitationState>(
  invitation: Invitation | undefined,
  now: Date,
): Invitation {
  if (invitation === undefined || invitationStatus(invitation, now) !== 'pending') {
    throw problem('invitation_invalid');
  }
  return invitation;
}

/** @throws ProblemError `conflict` */
export function checkPendingCount(pending: number): void {
  if (pending >= MAX_PENDING_INVITATIONS) {
    throw problem('conflict', {
      detail: `The account has ${pending} pending invitations. Revoke some before you create more.`,
    });
  }
}
