import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { CATALOGUE_SOURCE_ROUTE, type CatalogueSource } from '#libs/contracts/catalogue-source.ts';
import { entitlementsPath, entitlementsToWire } from '#libs/contracts/entitlements.ts';
import { KEY_LIMITS_ROUTE, keyLimitsBody } from '#libs/contracts/key-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import type { Clock } from '#libs/service/runtime.ts';
import type { Accounts } from './accounts.ts';
import { entitlementInputOf } from './domain.ts';
import { checkKeyLimits, type KeyLimit } from './ledger-limits.ts';

export type InternalRouteOptions = {
  clock: Clock;
  accounts: Accounts;
  catalogueSource: (versionId: string) => Promise<string | undefined>;
  setKeyLimits: (
    accountId: string,
    keyId: string,
    limits: readonly Omit<KeyLimit, 'keyId'>[],
  ) => Promise<void>;
};

const accountParams = z.object({ account_id: z.uuid() });
const versionParams = z.object({ version_id: z.uuid() });
const keyParams = z.object({ account_id: z.uuid(), key_id: z.uuid() });

/** What the other services ask and tell; the gateway passes none of it on to clients. */
export function internalRoutes(app: FastifyInstance, options: InternalRouteOptions): void {
  const { clock, accounts, catalogueSource, setKeyLimits } = options;

  app.get(entitlementsPath(':account_id'), { schema: { params: accountParams } }, async (request) => {
    const { account_id: accountId } = request.params as z.output<typeof accountParams>;
    const state = await accounts.ensureSubscription(accountId);
    return entitlementsToWire(entitlementsAt(entitlementInputOf(state), clock.now()));
  });

  app.get(
    CATALOGUE_SOURCE_ROUTE,
    { schema: { params: versionParams } },
    async (request): Promise<CatalogueSource> => {
      const { version_id } = request.params as z.output<typeof versionParams>;
      const source = await catalogueSource(version_id);
      if (source === undefined) throw problem('not_found');
      return { version_id, source };
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
      await setKeyLimits(accountId, keyId, amounts);
      return reply.code(204).send();
    },
  );
}
