import type { FastifyInstance } from 'fastify';
import { recordAudit } from '#libs/audit/record-audit.ts';
import { hashPassword } from '#libs/auth/password.ts';
import * as contract from '#libs/contracts/members.ts';
import { toPage } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/database.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { actorOf, checkNewPassword } from '../auth/domain.ts';
import type { MembersContext } from './accept-invitation.ts';
import { checkMayManage, checkOwnerRemains, requireHeir, SEATS, seatOwner } from './domain.ts';
import { revokePending } from './invitations-store.ts';
import {
  countOwners,
  deleteMembership,
  getMember,
  insertMembership,
  insertUser,
  listMembers,
  lockAccount,
  type MemberRow,
  revokeKeys,
  transferKeys,
  updateRole,
} from './store.ts';

export type MemberRoutesOptions = MembersContext;

/** `/api/members`: the users of an account. */
export function memberRoutes(app: FastifyInstance, options: MemberRoutesOptions): void {
  const { database, runtime, quotaResources } = options;

  serveOperation(app, contract.listMembers, async ({ caller, query }) => {
    const members = await listMembers(database, caller.accountId, query);
    const rows = members.map((member) => ({ ...member, id: member.userId }));
    return { ...toPage(rows, query.limit, present), seats: await options.readSeats(caller.accountId) };
  });

  serveOperation(app, contract.addMember, async (request, reply) => {
    const { caller } = request;
    const { email, password, name = null, role } = request.body;
    checkMayManage(caller.role, role);
    checkNewPassword(password);
    const { accountId } = caller;
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner: seatOwner(accountId),
      meter: SEATS,
    });
    const passwordHash = await hashPassword(password);
    const member = await transaction(database, async (tx) => {
      const userId = await insertUser(tx, runtime, { email, passwordHash, name });
      await insertMembership(tx, runtime, { accountId, userId, role });
      await options.requestVerification(tx, email);
      await recordAudit(tx, {
        id: runtime.newId(),
        at: runtime.clock.now(),
        by: actorOf(caller, request.id),
        action: 'member.added',
        subject: `user:${userId}`,
        accountId,
        before: null,
        after: { role },
        reason: null,
      });
      await allocation.settle(tx);
      return await getMember(tx, { accountId, userId });
    }).catch((error: unknown) => {
      const isTaken = error instanceof ProblemError && error.code === 'email_taken';
      throw isTaken ? problem('invitation_required', { cause: error }) : error;
    });
    logAccess(request, 'member.added', { user: member.userId, role, by_user: caller.userId });
    reply.code(201);
    return present(member);
  });

  serveOperation(app, contract.changeMember, async (request) => {
    const { caller } = request;
    const { role } = request.body;
    const { accountId } = caller;
    const member = { accountId, userId: request.params.user_id };
    const before = await transaction(database, async (tx) => {
      await lockAccount(tx, accountId);
      const found = await getMember(tx, member);
      checkMayManage(caller.role, found.role, role);
      checkOwnerRemains(found.role, role, await countOwners(tx, accountId));
      const now = runtime.clock.now();
      await updateRole(tx, member, { role, updatedAt: now });
      // A demoted member may no longer have the right to send them.
      await revokePending(tx, { accountId, invitedBy: member.userId }, now);
      await recordAudit(tx, {
        id: runtime.newId(),
        at: now,
        by: actorOf(caller, request.id),
        action: 'member.role_changed',
        subject: `user:${member.userId}`,
        accountId,
        before: { role: found.role },
        after: { role },
        reason: null,
      });
      return { ...found, updatedAt: now };
    });
    logAccess(request, 'member.role_changed', { user: member.userId, role, by_user: caller.userId });
    return present({ ...before, role });
  });

  serveOperation(app, contract.removeMember, async (request, reply) => {
    const { caller } = request;
    const { accountId } = caller;
    const member = { accountId, userId: request.params.user_id };
    const heir = request.query.api_keys === 'transfer' ? requireHeir(caller, member.userId) : null;
    await transaction(database, async (tx) => {
      await lockAccount(tx, accountId);
      const { role } = await getMember(tx, member);
      if (caller.userId !== member.userId) checkMayManage(caller.role, role);
      checkOwnerRemains(role, null, await countOwners(tx, accountId));
      const now = runtime.clock.now();
      await deleteMembership(tx, runtime.clock, member);
      await revokePending(tx, { accountId, invitedBy: member.userId }, now);
      const by = actorOf(caller, request.id);
      const keys =
        heir === null
          ? await revokeKeys(tx, member, now)
          : await transferKeys(tx, member, { createdBy: heir, updatedAt: now });
      for (const { id } of keys) {
        await recordAudit(tx, {
          id: runtime.newId(),
          at: now,
          by,
          action: heir === null ? 'api_key.revoked' : 'api_key.transferred',
          subject: `api_key:${id}`,
          accountId,
          before: heir === null ? { revoked_at: null } : { created_by: member.userId },
          after: heir === null ? { revoked_at: now } : { created_by: heir },
          reason: null,
        });
      }
      await recordAudit(tx, {
        id: runtime.newId(),
        at: now,
        by,
        action: 'member.removed',
        subject: `user:${member.userId}`,
        accountId,
        before: { role },
        after: null,
        reason: null,
      });
      await quotaResources.release(tx, { owner: seatOwner(accountId), meter: SEATS });
    });
    logAccess(request, 'member.removed', { user: member.userId, by_user: caller.userId });
    return reply.code(204).send();
  });
}

const present = (member: MemberRow): contract.MemberView => ({
  user_id: member.userId,
  email: member.email,
  name: member.name,
  role: member.role,
  joined_at: member.joinedAt.toISOString(),
  updated_at: member.updatedAt.toISOString(),
});
