import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { END_USER_LIMITS_ROUTE, endUserLimitsBody } from '#libs/contracts/end-user-limits.ts';
import { entitlementsPath, entitlementsToWire } from '#libs/contracts/entitlements.ts';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { KEY_LIMITS_ROUTE, keyLimitsBody } from '#libs/contracts/key-limits.ts';
import { transaction } from '#libs/db/database.ts';
import { setUserLimits } from '#libs/ledger/user-limits.ts';
import { lockSubscription, readAccount, type SubscriptionDeps } from './change.ts';
import { applyLimits } from './decision-store.ts';
import { checkKeyLimits, userLimitsOf } from './domain/ledger-limits.ts';
import { entitlementInputOf } from './domain/subscription.ts';
import { replaceKeyLimits } from './key-limits-store.ts';

const accountParams = z.object({ account_id: z.uuid() });
const endUserParams = z.object({ account_id: z.uuid(), user_id: z.uuid() });
const keyParams = z.object({ account_id: z.uuid(), key_id: z.uuid() });

/** Routes for other services. The gateway does not expose them. */
export function internalRoutes(app: FastifyInstance, deps: SubscriptionDeps): void {
  const { database, runtime } = deps;

  const readers: readonly ServiceName[] = ['gateway', 'usage-metering', 'generation'];
  app.get(
    entitlementsPath(':account_id'),
    { config: { senders: readers }, schema: { params: accountParams } },
    async (request) => {
      const { account_id: accountId } = request.params as z.output<typeof accountParams>;
      const state = await readAccount(deps, accountId);
      return entitlementsToWire(entitlementsAt(entitlementInputOf(state), runtime.clock.now()));
    },
  );

  app.put(
    KEY_LIMITS_ROUTE,
    { schema: { params: keyParams, body: keyLimitsBody } },
    async (request, reply) => {
      const { account_id: accountId, key_id: keyId } = request.params as z.output<typeof keyParams>;
      const { limits } = request.body as z.output<typeof keyLimitsBody>;
      const amounts = limits.map((limit) => ({ ...limit, amount: BigInt(limit.amount) }));
      checkKeyLimits(amounts);
      await transaction(database, async (tx) => {
        const subscription = await lockSubscription(tx, deps, accountId);
        const now = runtime.clock.now();
        await replaceKeyLimits(tx, { accountId, keyId }, amounts, now);
        await applyLimits(tx, deps, subscription, now);
      });
      return reply.code(204).send();
    },
  );

  app.put(
    END_USER_LIMITS_ROUTE,
    { schema: { params: endUserParams, body: endUserLimitsBody } },
    async (request, reply) => {
      const { account_id: accountId, user_id: userId } = request.params as z.output<typeof endUserParams>;
      const { limits, is_new: isNew } = request.body as z.output<typeof endUserLimitsBody>;
      const amounts = limits.map((limit) => ({ ...limit, amount: BigInt(limit.amount) }));
      checkKeyLimits(amounts);
      // Also creates the balances of a new account.
      const state = await readAccount(deps, accountId);
      await setUserLimits(database, runtime.clock.now(), {
        ...{ accountId, userId, isNew },
        limits: userLimitsOf(amounts, state),
      });
      return reply.code(204).send();
    },
  );
}
