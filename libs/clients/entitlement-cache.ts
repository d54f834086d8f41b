/**
 * A cache of entitlements. An entry is valid until billing notifies of a change of the account or the catalogue, or until
 * a scheduled change is due.
 *
 * It does not enforce limits: the ledger reads its own rows in the hold's transaction.
 */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { createFreshCache } from '#libs/service/fresh-cache.ts';
import type { Clock } from '#libs/service/runtime.ts';

export type EntitlementCache = {
  /** @throws what `fetch` throws. */
  get: (accountId: string) => Promise<Entitlements> | Entitlements;
  forget: (accountId: string) => void;
  forgetAll: () => void;
};

const MAX_ACCOUNTS = 20_000;
const MAX_AGE_MS = 60_000;
/** While notifications may be lost, a change must still take effect within a second. */
const UNCERTAIN_AGE_MS = 1_000;

type CachedEntry = { accountId: string; entitlements: Entitlements };

export function createEntitlementCache(options: {
  fetch: (accountId: string) => Promise<Entitlements>;
  /** Whether notifications of changes arrive. */
  isTrusted: () => boolean;
  clock: Clock;
}): EntitlementCache {
  const { fetch, isTrusted, clock } = options;
  const cache = createFreshCache<CachedEntry>({
    clock,
    maxEntries: MAX_ACCOUNTS,
    maxAgeMs: MAX_AGE_MS,
    isTrusted,
    uncertainAgeMs: UNCERTAIN_AGE_MS,
    tagsOf: ({ accountId }) => [accountId],
  });

  async function load(accountId: string): Promise<Entitlements> {
    const known = await cache.load(accountId, async () => ({
      accountId,
      entitlements: await fetch(accountId),
    }));
    return (known as CachedEntry).entitlements;
  }

  return {
    get(accountId) {
      const known = cache.get(accountId)?.entitlements;
      if (known === undefined) return load(accountId);
      const { validUntil } = known;
      return validUntil === null || validUntil > clock.now() ? known : load(accountId);
    },
    forget: cache.drop,
    forgetAll: cache.clear,
  };
}
