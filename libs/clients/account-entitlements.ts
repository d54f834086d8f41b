/** What billing says of accounts, as another service knows it: cached, and forgotten when billing announces a change. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import { catalogueSource, catalogueSourcePath } from '#libs/contracts/catalogue-source.ts';
import { entitlementsFromWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/announce.ts';
import type { Listener } from '#libs/db/listen.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createEntitlementCache } from './entitlement-cache.ts';
import type { InternalClient } from './internal-client.ts';
import { createPlanSuggestions, type PlanSuggestions } from './plan-suggestions.ts';

export type AccountEntitlements = {
  /**
   * What an account may do; asking also opens the books of one that has none yet.
   * @throws ProblemError `metering_unavailable` when billing cannot tell.
   */
  get: (accountId: string) => Promise<Entitlements>;
  suggestPlans: PlanSuggestions;
  /** Keeps what is remembered fresh, until the function it resolves with is called. */
  listen: () => Promise<() => void>;
};

export function createAccountEntitlements(options: {
  billing: InternalClient;
  listener: Listener;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
}): AccountEntitlements {
  const { billing, listener, runtime } = options;
  let isSubscribed = false;

  async function read(path: string): Promise<unknown> {
    const { status, body } = await billing.call({ method: 'GET', path, requestId: runtime.newId() });
    if (status !== 200) throw new Error(`billing answered ${status}`);
    return body;
  }

  const cache = createEntitlementCache({
    fetch: async (accountId) => entitlementsFromWire(await read(entitlementsPath(accountId))),
    isTrusted: () => isSubscribed && listener.isConnected(),
    clock: runtime.clock,
  });

  return {
    async get(accountId) {
      try {
        return await cache.get(accountId);
      } catch (error) {
        throw meteringUnavailable(error);
      }
    },
    suggestPlans: createPlanSuggestions(async (versionId) => {
      const { source } = catalogueSource.parse(await read(catalogueSourcePath(versionId)));
      return parseCatalogue(source);
    }),
    async listen() {
      const unsubscribe = await listener.listen(
        [CHANGES_CHANNEL],
        (_channel, payload) => {
          const change = parseChange(payload);
          if (change?.kind === 'catalogue' || change?.kind === 'flag') cache.forgetAll();
          if (change?.kind === 'account') cache.forget(change.id);
        },
        cache.forgetAll,
      );
      isSubscribed = true;
      return () => {
        isSubscribed = false;
        unsubscribe();
      };
    },
  };
}
