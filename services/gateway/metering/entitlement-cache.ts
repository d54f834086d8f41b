/**
 * What each account may do, cached. An entry lives until billing says the account or the catalogue changed, until a
 * timed change is due, or one second while such messages may be getting lost.
 *
 * Limits are not enforced from here: the ledger reads its own rows inside the hold's transaction.
 */
import { LRUCache } from 'lru-cache';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';

export type EntitlementCache = {
  /** @throws what `fetch` throws. */
  get: (accountId: string) => Promise<Entitlements> | Entitlements;
  forget: (accountId: string) => void;
  forgetAll: () => void;
};

const MAX_ACCOUNTS = 20_000;
const UNHEARD_LIFETIME_MS = 1_000;

type Entry = { entitlements: Entitlements; readAt: number };

export function createEntitlementCache(options: {
  fetch: (accountId: string) => Promise<Entitlements>;
  /** Whether messages about changes are certain to arrive. */
  isListening: () => boolean;
  now: () => Date;
}): EntitlementCache {
  const { fetch, isListening, now } = options;
  const entries = new LRUCache<string, Entry>({ max: MAX_ACCOUNTS });
  const reading = new Map<string, Promise<Entitlements>>();
  /** Grows with every message, so that an answer that was under way when one arrived is not kept. */
  let changes = 0;

  async function read(accountId: string): Promise<Entitlements> {
    const changesBefore = changes;
    const readAt = now().getTime();
    const entitlements = await fetch(accountId);
    if (changes === changesBefore) entries.set(accountId, { entitlements, readAt });
    return entitlements;
  }

  function isFresh({ entitlements, readAt }: Entry): boolean {
    const at = now().getTime();
    if (entitlements.validUntil !== null && entitlements.validUntil.getTime() <= at) return false;
    return isListening() || at - readAt < UNHEARD_LIFETIME_MS;
  }

  return {
    get(accountId) {
      const entry = entries.get(accountId);
      if (entry !== undefined && isFresh(entry)) return entry.entitlements;
      let pending = reading.get(accountId);
      if (pending === undefined) {
        pending = read(accountId).finally(() => reading.delete(accountId));
        reading.set(accountId, pending);
      }
      return pending;
    },
    forget(accountId) {
      changes += 1;
      entries.delete(accountId);
      reading.delete(accountId);
    },
    forgetAll() {
      changes += 1;
      entries.clear();
      reading.clear();
    },
  };
}
