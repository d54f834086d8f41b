import { hashPassword, verifyPassword } from '#libs/auth/password.ts';
import { getMe, type Identity, updateMe } from '#libs/contracts/identity.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { audit } from '../auth/access-log.ts';
import { requirePerson } from '../auth/domain.ts';
import type { PeopleStore, Person } from '../auth/ports.ts';
import type { Throttles } from '../rate-limits/plugin.ts';

export type MeDependencies = {
  people: Pick<PeopleStore, 'findPerson' | 'findAccount' | 'findPassword' | 'rename' | 'changePassword'>;
  throttles: Throttles;
};

/** Who one is. */
export function registerMe(app: ServiceApp, { people, throttles }: MeDependencies): void {
  async function identify(caller: Caller): Promise<Identity> {
    const [person, account] = await Promise.all([
      caller.userId === null ? null : people.findPerson(caller.userId),
      people.findAccount(caller.accountId),
    ]);
    if (account === null) throw problem('not_found');
    return {
      user: person === null ? null : presentPerson(person),
      account: {
        id: account.id,
        name: account.name,
        status: account.status,
        created_at: account.createdAt.toISOString(),
      },
      role: caller.role,
      scopes: [...caller.scopes],
      api_key_id: caller.keyId,
    };
  }

  async function changePassword(userId: string, current: string, next: string): Promise<void> {
    const verifiedHash = await people.findPassword(userId);
    const isRight = await verifyPassword(current, verifiedHash);
    if (!isRight || verifiedHash === null) throw problem('invalid_credentials');
    const isChanged = await people.changePassword(userId, verifiedHash, await hashPassword(next));
    if (!isChanged) throw problem('invalid_credentials');
  }

  serveOperation(app, getMe, (request) => identify(request.caller));

  serveOperation(app, updateMe, async (request, reply) => {
    const userId = requirePerson(request.caller);
    const { name, current_password: current, new_password: next } = request.body;
    if (current !== undefined && next !== undefined) {
      await throttles.byPerson(request, reply, userId);
      await changePassword(userId, current, next);
      audit(request, 'user.password_changed', { user: userId });
    }
    if (name !== undefined) await people.rename(userId, name);
    return await identify(request.caller);
  });
}

const presentPerson = (person: Person) => ({
  id: person.id,
  email: person.email,
  name: person.name,
  platform_role: person.platformRole,
  created_at: person.createdAt.toISOString(),
});
