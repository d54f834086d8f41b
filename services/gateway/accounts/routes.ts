import type { FastifyInstance } from 'fastify';
import { hashPassword, verifyPassword } from '#libs/auth/password.ts';
import * as contract from '#libs/contracts/identity.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { toList } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkNewPassword, requireUser } from '../auth/domain.ts';
import {
  changePassword,
  findAccount,
  findUser,
  listMemberAccounts,
  renameUser,
  type UserRow,
} from './store.ts';

export type AccountRoutesOptions = { database: Database; runtime: Runtime };

/** `/api/me`: the caller, their name, password and accounts. */
export function accountRoutes(app: FastifyInstance, { database, runtime }: AccountRoutesOptions): void {
  async function identify(caller: Caller): Promise<contract.Identity> {
    const [user, account] = await Promise.all([
      caller.userId === null ? undefined : findUser(database, caller.userId),
      findAccount(database, caller.accountId),
    ]);
    if (account === undefined) throw problem('not_found');
    return {
      user: user === undefined ? null : presentUser(user),
      account: {
        id: account.id,
        name: account.name,
        status: account.status,
        created_at: account.createdAt.toISOString(),
        updated_at: account.updatedAt.toISOString(),
      },
      role: caller.role,
      scopes: [...caller.scopes],
      api_key_id: caller.keyId,
    };
  }

  async function replacePassword(userId: string, current: string, next: string): Promise<void> {
    const verifiedHash = (await findUser(database, userId))?.passwordHash ?? null;
    const isRight = await verifyPassword(current, verifiedHash);
    if (!isRight || verifiedHash === null) throw problem('invalid_credentials');
    const newHash = await hashPassword(next);
    const isChanged = await changePassword(database, runtime, { userId, verifiedHash, newHash });
    if (!isChanged) throw problem('invalid_credentials');
  }

  serveOperation(app, contract.getMe, (request) => identify(request.caller));

  serveOperation(app, contract.updateMe, async (request, reply) => {
    const userId = requireUser(request.caller);
    const { name, current_password: current, new_password: next } = request.body;
    if (current !== undefined && next !== undefined) {
      checkNewPassword(next);
      await app.throttles.byUser(request, reply, userId);
      await replacePassword(userId, current, next);
      logAccess(request, 'user.password_changed', { user: userId });
    }
    if (name !== undefined) await renameUser(database, userId, { name, updatedAt: runtime.clock.now() });
    return await identify(request.caller);
  });

  serveOperation(app, contract.listMyAccounts, async ({ caller }) => {
    const rows = await listMemberAccounts(database, requireUser(caller));
    return toList(
      rows.map(({ id, name, status, role, joinedAt }) => ({
        id,
        name,
        status,
        role,
        joined_at: joinedAt.toISOString(),
        current: id === caller.accountId,
      })),
    );
  });
}

const presentUser = (user: UserRow) => ({
  id: user.id,
  email: user.email,
  name: user.name,
  platform_role: user.platformRole,
  created_at: user.createdAt.toISOString(),
  updated_at: user.updatedAt.toISOString(),
});
