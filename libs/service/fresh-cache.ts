import { LRUCache } from 'lru-cache';
import type { Clock } from './runtime.ts';

export type FreshCacheOptions<Value> = {
  clock: Clock;
  /** Maximum number of entries; the least recently used is evicted first. */
  maxEntries: number;
  /** Maximum age of an entry. A safety net: notifications drop changed entries. */
  maxAgeMs: number;
  /** Whether change notifications arrive. While they do not, an entry lives for `uncertainAgeMs` at most. */
  isTrusted: () => boolean;
  uncertainAgeMs: number;
  /** Names under which {@link FreshCache.drop} finds the value. */
  tagsOf: (value: Value) => readonly string[];
};

/** A bounded cache whose values are never served after the notification of their change. */
export type FreshCache<Value> = {
  get: (key: string) => Value | undefined;
  /**
   * Returns a cached value or fetches it; concurrent calls for one key share a fetch. Null, and a value that changed
   * during its fetch, are returned but not cached.
   */
  load: (key: string, fetch: () => Promise<Value | null>) => Promise<Value | null>;
  /** Drops entries with the tag, and every fetch in progress, which may have read the state before the change. */
  drop: (tag: string) => void;
  clear: () => void;
};

type Entry<Value> = { value: Value; loadedAtMs: number };

export function createFreshCache<Value>(options: FreshCacheOptions<Value>): FreshCache<Value> {
  const { clock, maxEntries, maxAgeMs, isTrusted, uncertainAgeMs, tagsOf } = options;
  const keysByTag = new Map<string, Set<string>>();
  const fetches = new Map<string, Promise<Value | null>>();
  const entries = new LRUCache<string, Entry<Value>>({
    max: maxEntries,
    dispose: ({ value }, key) => {
      for (const tag of tagsOf(value)) {
        const keys = keysByTag.get(tag);
        if (keys?.delete(key) && keys.size === 0) keysByTag.delete(tag);
      }
    },
  });

  function remember(key: string, value: Value, loadedAtMs: number): void {
    // Remove the old entry's tags before setting the new ones.
    entries.delete(key);
    entries.set(key, { value, loadedAtMs });
    for (const tag of tagsOf(value)) {
      const keys = keysByTag.get(tag);
      if (keys === undefined) keysByTag.set(tag, new Set([key]));
      else keys.add(key);
    }
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const ageMs = clock.now().getTime() - entry.loadedAtMs;
      if (ageMs < (isTrusted() ? maxAgeMs : uncertainAgeMs)) return entry.value;
      entries.delete(key);
      return undefined;
    },

    load(key, fetch) {
      const running = fetches.get(key);
      if (running !== undefined) return running;
      // The age counts from before the fetch, the earliest moment at which the state was read.
      const startedAtMs = clock.now().getTime();
      const fetching = fetch()
        .then((value) => {
          if (value !== null && fetches.get(key) === fetching) remember(key, value, startedAtMs);
          return value;
        })
        .finally(() => {
          if (fetches.get(key) === fetching) fetches.delete(key);
        });
      fetches.set(key, fetching);
      return fetching;
    },

    drop(tag) {
      fetches.clear();
      for (const key of keysByTag.get(tag) ?? []) entries.delete(key);
    },

    clear() {
      fetches.clear();
      entries.clear();
    },
  };
}
