import { and, asc, count, eq, gt } from 'drizzle-orm';
import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import { accounts, memberships, users } from '#libs/db/schema/gateway.ts';
import { transaction } from '#libs/db/transaction.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createDatabase, notify, onConnection, only, type Transaction } from '../accounts/database.ts';
import { insertMembership, insertUser } from '../accounts/store.ts';
import type { Member, MemberStore } from '../auth/ports.ts';
import { lockUser, revokeSessions } from '../auth/sessions-store.ts';
import { checkMayManage, checkOwnerRemains } from './domain.ts';
import { SEATS, seatOwner } from './seats.ts';

const member = {
  userId: users.id,
  email: users.email,
  name: users.name,
  role: memberships.role,
  joinedAt: memberships.createdAt,
};

export function createMemberStore(
  pool: Pool,
  runtime: Runtime,
  quotaResources: Pick<QuotaResources, 'release'>,
): MemberStore {
  const db = createDatabase(pool);

  async function find(tx: Transaction, accountId: string, userId: string): Promise<Member> {
    const [found] = await tx
      .select(member)
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
    if (found === undefined) throw problem('not_found');
    return found;
  }

  async function countOwners(tx: Transaction, accountId: string): Promise<number> {
    const owners = await tx
      .select({ count: count() })
      .from(memberships)
      .where(and(eq(memberships.accountId, accountId), eq(memberships.role, 'owner')));
    return only(owners).count;
  }

  /** Two owners who demote each other at the same time must not both succeed. */
  async function lockAccount(tx: Transaction, accountId: string): Promise<void> {
    await tx
      .select({ id: accounts.id })
      .from(accounts)
      .where(eq(accounts.id, accountId))
      .for('no key update');
  }

  return {
    list: (accountId, { limit, cursor }) =>
      db
        .select(member)
        .from(memberships)
        .innerJoin(users, eq(users.id, memberships.userId))
        .where(
          and(
            eq(memberships.accountId, accountId),
            cursor === undefined ? undefined : gt(memberships.userId, cursor),
          ),
        )
        .orderBy(asc(memberships.userId))
        .limit(limit + 1),

    async add(connection, accountId, { email, passwordHash, name, role }) {
      const tx = onConnection(connection);
      const userId = await insertUser(tx, runtime, { email, passwordHash, name });
      await insertMembership(tx, runtime, { accountId, userId, role });
      return await find(tx, accountId, userId);
    },

    changeRole: (actor, userId, role) =>
      db.transaction(async (tx) => {
        await lockAccount(tx, actor.accountId);
        const before = await find(tx, actor.accountId, userId);
        checkMayManage(actor.role, before.role, role);
        checkOwnerRemains(before.role, role, await countOwners(tx, actor.accountId));
        await tx
          .update(memberships)
          .set({ role })
          .where(and(eq(memberships.accountId, actor.accountId), eq(memberships.userId, userId)));
        await notify(tx, { kind: 'user', id: userId });
        return { ...before, role };
      }),

    remove: (actor, userId) =>
      transaction(pool, async (connection) => {
        const tx = onConnection(connection);
        const { accountId } = actor;
        await lockAccount(tx, accountId);
        const { role } = await find(tx, accountId, userId);
        if (actor.userId !== userId) checkMayManage(actor.role, role);
        checkOwnerRemains(role, null, await countOwners(tx, accountId));
        await lockUser(tx, userId);
        await tx
          .delete(memberships)
          .where(and(eq(memberships.accountId, accountId), eq(memberships.userId, userId)));
        await revokeSessions(tx, runtime.clock, { userId, accountId });
        await quotaResources.release({ $client: connection }, { owner: seatOwner(accountId), meter: SEATS });
      }),
  };
}
