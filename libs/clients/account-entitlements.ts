/** The entitlements of accounts, read from billing and cached until billing notifies of a change. */
import { LRUCache } from 'lru-cache';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { parseCatalogue } from '#libs/catalogue/parse.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { catalogueSource, catalogueSourcePath } from '#libs/contracts/catalogue-source.ts';
import { entitlementsFromWire, entitlementsPath } from '#libs/contracts/entitlements.ts';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createEntitlementCache } from './entitlement-cache.ts';
import type { InternalClient } from './internal-client.ts';
import { createPlanSuggestions, type PlanSuggestions } from './plan-suggestions.ts';

export type AccountEntitlements = {
  /**
   * What an account may do. The first read creates the balances of a new account.
   * @throws ProblemError `metering_unavailable` when billing does not answer.
   */
  get: (accountId: string) => Promise<Entitlements>;
  /** The catalogue version that the account's subscription is pinned to; undefined when billing does not answer. */
  catalogueOf: (entitlements: Entitlements) => Promise<Catalogue | undefined>;
  suggestPlans: PlanSuggestions;
  /** Invalidates the cache on notifications, until the returned function is called. */
  listen: () => Promise<() => void>;
};

/** Catalogue versions in use at the same time: the active one, and those that subscriptions are pinned to. */
const MAX_VERSIONS = 50;

export function createAccountEntitlements(options: {
  billing: InternalClient;
  listener: Listener;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
}): AccountEntitlements {
  const { billing, listener, runtime } = options;
  let isSubscribed = false;

  async function read(path: string): Promise<unknown> {
    const { status, body } = await billing.call({ method: 'GET', path, requestId: runtime.newId() });
    if (status !== 200) throw new Error(`Billing answered ${status}.`);
    return body;
  }

  const cache = createEntitlementCache({
    fetch: async (accountId) => entitlementsFromWire(await read(entitlementsPath(accountId))),
    isTrusted: () => isSubscribed && listener.isConnected(),
    clock: runtime.clock,
  });

  const versions = new LRUCache<string, Catalogue>({
    max: MAX_VERSIONS,
    fetchMethod: async (versionId) => {
      const { source } = catalogueSource.parse(await read(catalogueSourcePath(versionId)));
      return parseCatalogue(source);
    },
  });
  const catalogueOf = ({ catalogue }: Entitlements) =>
    versions.fetch(catalogue.version).catch(() => undefined);

  return {
    async get(accountId) {
      try {
        return await cache.get(accountId);
      } catch (error) {
        throw meteringUnavailable(error);
      }
    },
    catalogueOf,
    suggestPlans: createPlanSuggestions(catalogueOf),
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
