import { recordAudit } from '#libs/audit/record-audit.ts';
import { hashPassword, verifyPassword } from '#libs/auth/password.ts';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import type { SeatsView } from '#libs/contracts/members.ts';
import { type Database, type Tx, transaction } from '#libs/db/database.ts';
import { notify } from '#libs/db/notify.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { checkNewPassword } from '../auth/domain.ts';
import { type InvitationRow, requirePending, SEATS, seatOwner } from './domain.ts';
import { lockInvitation, markAccepted } from './invitations-store.ts';
import {
  findMember,
  findUserByEmail,
  insertMembership,
  insertUser,
  lockAccount,
  setEmailVerified,
} from './store.ts';

export type MembersContext = {
  database: Database;
  runtime: Runtime;
  quotaResources: QuotaResources;
  /** Sends a new user the mail that verifies their address, where that is required. */
  requestVerification: (tx: Tx, email: string) => Promise<void>;
  requestInvitationMail: (tx: Tx, invitationId: string) => Promise<void>;
  /** @throws ProblemError `metering_unavailable` */
  readSeats: (accountId: string) => Promise<SeatsView>;
};

/** The user who joins: an existing one, or the data of a new one. */
export type Invitee =
  | { kind: 'user'; userId: string }
  | { kind: 'new'; email: string; passwordHash: string; name: string | null };

/**
 * A signed-in user accepts as themselves. Otherwise the password decides: that of the user with the invited address, or
 * the first one of a new user.
 *
 * @throws ProblemError `semantic_error` without a password, `invalid_credentials`, `rate_limited`
 */
export async function identifyInvitee(options: {
  database: Database;
  invitation: Pick<InvitationRow, 'email'>;
  /** Null when the request has no credential. */
  userId: string | null;
  password: string | undefined;
  name: string | undefined;
  limitChecks: () => Promise<void>;
}): Promise<Invitee> {
  const { database, invitation, userId, password, name = null, limitChecks } = options;
  if (userId !== null) return { kind: 'user', userId };
  if (password === undefined) {
    throw problem('semantic_error', {
      detail: 'Sign in and send an access token, or set password.',
      fields: { param: 'password' },
    });
  }
  const { email } = invitation;
  const user = await findUserByEmail(database, email);
  if (user === undefined) {
    checkNewPassword(password);
    return { kind: 'new', email, passwordHash: await hashPassword(password), name };
  }
  await limitChecks();
  if (!(await verifyPassword(password, user.passwordHash))) throw problem('invalid_credentials');
  return { kind: 'user', userId: user.id };
}

/**
 * Adds the invitee to the account. Of concurrent requests with one invitation, one succeeds.
 *
 * @param isMailed whether the token came by mail, which proves the address of a new user.
 * @returns the new member's user id.
 * @throws ProblemError `invitation_invalid`, `conflict` for a member, `limit_exceeded` without a free seat.
 */
export async function acceptInvitation(
  context: MembersContext,
  invitation: InvitationRow,
  invitee: Invitee,
  isMailed: boolean,
  requestId: string,
): Promise<string> {
  const { database, runtime, quotaResources, requestVerification } = context;
  const { accountId } = invitation;
  await using allocation = await quotaResources.allocate({
    holdId: requestId,
    owner: seatOwner(accountId),
    meter: SEATS,
  });
  return await transaction(database, async (tx) => {
    const now = runtime.clock.now();
    await lockAccount(tx, accountId);
    const { id, role } = requirePending(await lockInvitation(tx, invitation), now);
    const userId =
      invitee.kind === 'user' ? invitee.userId : await insertUser(tx, runtime, fieldsOf(invitee));
    if (invitee.kind === 'new') {
      if (isMailed) await setEmailVerified(tx, userId, now);
      else await requestVerification(tx, invitee.email);
    }
    if ((await findMember(tx, { accountId, userId })) !== undefined) {
      throw problem('conflict', { detail: 'You are already a member of the account.' });
    }
    await insertMembership(tx, runtime, { accountId, userId, role });
    await markAccepted(tx, id, { acceptedBy: userId, acceptedAt: now });
    await recordAudit(tx, {
      id: runtime.newId(),
      at: now,
      by: { actor: userId, requestId },
      action: 'invitation.accepted',
      subject: `invitation:${id}`,
      accountId,
      before: null,
      after: { user_id: userId, role },
      reason: null,
    });
    await notify(tx, { kind: 'user', id: userId });
    await allocation.settle(tx);
    return userId;
  });
}

const fieldsOf = ({ email, passwordHash, name }: Extract<Invitee, { kind: 'new' }>) => ({
  email,
  passwordHash,
  name,
});
