import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { MANAGER_ROLES } from '#libs/contracts/internal-context.ts';
import * as contract from '#libs/contracts/invitations.ts';
import { toPage } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { actorOf, requireRole, requireUser } from '../auth/domain.ts';
import { acceptInvitation, identifyInvitee } from './accept-invitation.ts';
import {
  checkMayManage,
  checkPendingCount,
  INVITATION_TTL_MS,
  type InvitationRow,
  invitationStatus,
  requirePending,
  SEATS,
  seatOwner,
} from './domain.ts';
import {
  countPending,
  findInvitationByToken,
  generateInvitationToken,
  hashInvitationToken,
  insertInvitation,
  listInvitations,
  lockInvitation,
  markRevoked,
  revokePending,
} from './invitations-store.ts';
import type { MemberRoutesOptions } from './routes.ts';
import { findAccount, findMember, findUserByEmail, lockAccount } from './store.ts';

/** Frees its room at once: an invitation only requires that there is a free seat. */
async function checkFreeSeat(quotaResources: QuotaResources, holdId: string, accountId: string) {
  await using _allocation = await quotaResources.allocate({
    holdId,
    owner: seatOwner(accountId),
    meter: SEATS,
  });
}

/** `/api/invitations`: offers to join an account. */
export function invitationRoutes(app: FastifyInstance, options: MemberRoutesOptions): void {
  const { database, runtime, quotaResources } = options;
  const { clock, newId } = runtime;

  serveOperation(app, contract.createInvitation, async (request, reply) => {
    const { caller } = request;
    const invitedBy = requireUser(caller);
    const { email, role } = request.body;
    checkMayManage(caller.role, role);
    const { accountId } = caller;
    await checkFreeSeat(quotaResources, request.id, accountId);
    await app.throttles.byMail(request, reply, email);
    const token = generateInvitationToken();
    const now = clock.now();
    const invitation: InvitationRow = {
      id: newId(),
      accountId,
      email,
      role,
      tokenHash: hashInvitationToken(token),
      mailTokenHash: null,
      invitedBy,
      createdAt: now,
      expiresAt: new Date(now.getTime() + INVITATION_TTL_MS),
      acceptedAt: null,
      acceptedBy: null,
      revokedAt: null,
    };
    await transaction(database, async (tx) => {
      await lockAccount(tx, accountId);
      const user = await findUserByEmail(tx, email);
      if (user !== undefined && (await findMember(tx, { accountId, userId: user.id })) !== undefined) {
        throw problem('conflict', { detail: `${email} is already a member of the account.` });
      }
      // A new invitation of an address replaces the previous one.
      await revokePending(tx, { accountId, email }, now);
      checkPendingCount(await countPending(tx, accountId, now));
      await insertInvitation(tx, invitation);
      await options.requestInvitationMail(tx, invitation.id);
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by: actorOf(caller, request.id),
        action: 'invitation.created',
        subject: `invitation:${invitation.id}`,
        accountId,
        before: null,
        after: { role, expires_at: invitation.expiresAt },
        reason: null,
      });
    });
    logAccess(request, 'invitation.created', { invitation: invitation.id, role, by_user: invitedBy });
    reply.code(201);
    return { ...present(invitation, now), token };
  });

  serveOperation(app, contract.listInvitations, async ({ caller, query }) => {
    requireRole(caller, MANAGER_ROLES);
    const now = clock.now();
    const rows = await listInvitations(database, caller.accountId, query, now);
    return toPage(rows, query.limit, (row) => present(row, now));
  });

  serveOperation(app, contract.revokeInvitation, async (request, reply) => {
    const { caller } = request;
    requireRole(caller, MANAGER_ROLES);
    const { accountId } = caller;
    const { id } = request.params;
    const now = clock.now();
    await transaction(database, async (tx) => {
      const invitation = await lockInvitation(tx, { accountId, id });
      if (invitation === undefined) throw problem('not_found');
      checkMayManage(caller.role, invitation.role);
      if (invitation.acceptedAt !== null) {
        throw problem('conflict', {
          detail: 'The invitation has been accepted. Remove the member with DELETE /api/members/{user_id}.',
        });
      }
      if (invitation.revokedAt !== null) return;
      await markRevoked(tx, id, now);
      await recordAudit(tx, {
        id: newId(),
        at: now,
        by: actorOf(caller, request.id),
        action: 'invitation.revoked',
        subject: `invitation:${id}`,
        accountId,
        before: { role: invitation.role },
        after: null,
        reason: null,
      });
    });
    logAccess(request, 'invitation.revoked', { invitation: id, by_user: caller.userId });
    return reply.code(204).send();
  });

  serveOperation(app, contract.acceptInvitation, async (request, reply) => {
    const { token, password, name } = request.body;
    const caller = await app.authenticateOptional(request);
    const invitation = requirePending(await findInvitationByToken(database, token), clock.now());
    const account = await findAccount(database, invitation.accountId);
    if (account?.status === 'suspended') throw problem('account_suspended');
    if (account?.status !== 'active') throw problem('invitation_invalid');
    const invitee = await identifyInvitee({
      database,
      invitation,
      userId: caller === null ? null : requireUser(caller),
      password,
      name,
      limitChecks: () => app.throttles.byUser(request, reply, invitation.email.toLowerCase()),
    });
    request.accountId = account.id;
    const isMailed = invitation.mailTokenHash === hashInvitationToken(token);
    const userId = await acceptInvitation(options, invitation, invitee, isMailed, request.id);
    logAccess(request, 'invitation.accepted', { invitation: invitation.id, user: userId });
    reply.code(201);
    return { account_id: account.id, account_name: account.name, user_id: userId, role: invitation.role };
  });
}

const present = (invitation: InvitationRow, now: Date): contract.InvitationView => ({
  id: invitation.id,
  email: invitation.email,
  role: invitation.role,
  status: invitationStatus(invitation, now),
  invited_by: invitation.invitedBy,
  created_at: invitation.createdAt.toISOString(),
  updated_at: (invitation.acceptedAt ?? invitation.revokedAt ?? invitation.createdAt).toISOString(),
  expires_at: invitation.expiresAt.toISOString(),
  accepted_at: invitation.acceptedAt?.toISOString() ?? null,
  accepted_by: invitation.acceptedBy,
});
