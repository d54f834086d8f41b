import type { Pool } from 'pg';
import { hashPassword } from '#libs/auth/password.ts';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import * as contract from '#libs/contracts/members.ts';
import { toPage } from '#libs/contracts/page.ts';
import { transaction } from '#libs/db/transaction.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { audit } from '../auth/access-log.ts';
import type { Member, MemberStore } from '../auth/ports.ts';
import { checkMayManage } from './domain.ts';
import { SEATS, seatOwner } from './seats.ts';

/** The people of an account. */
export function registerMembers(
  app: ServiceApp,
  {
    pool,
    store,
    quotaResources,
  }: { pool: Pool; store: MemberStore; quotaResources: Pick<QuotaResources, 'allocate'> },
): void {
  serveOperation(app, contract.listMembers, async ({ caller, query }) => {
    const members = await store.list(caller.accountId, query);
    const rows = members.map((member) => ({ ...member, id: member.userId }));
    return toPage(rows, query.limit, present);
  });

  serveOperation(app, contract.addMember, async (request, reply) => {
    const { caller } = request;
    const { email, password, name = null, role } = request.body;
    checkMayManage(caller.role, role);
    const { accountId } = caller;
    await using allocation = await quotaResources.allocate({
      holdId: request.id,
      owner: seatOwner(accountId),
      meter: SEATS,
    });
    const passwordHash = await hashPassword(password);
    const member = await transaction(pool, async (connection) => {
      const added = await store.add(connection, accountId, { email, passwordHash, name, role });
      await allocation.settle({ $client: connection });
      return added;
    });
    audit(request, 'member.added', { user: member.userId, role, by_user: caller.userId });
    reply.code(201);
    return present(member);
  });

  serveOperation(app, contract.changeMember, async (request) => {
    const { caller } = request;
    const { role } = request.body;
    const member = await store.changeRole(caller, request.params.user_id, role);
    audit(request, 'member.role_changed', { user: member.userId, role, by_user: caller.userId });
    return present(member);
  });

  serveOperation(app, contract.removeMember, async (request, reply) => {
    const { caller } = request;
    const { user_id: userId } = request.params;
    await store.remove(caller, userId);
    audit(request, 'member.removed', { user: userId, by_user: caller.userId });
    return reply.code(204).send();
  });
}

const present = (member: Member): contract.MemberView => ({
  user_id: member.userId,
  email: member.email,
  name: member.name,
  role: member.role,
  joined_at: member.joinedAt.toISOString(),
});
