import { LRUCache } from 'lru-cache';
import type { Clock } from './runtime.ts';

export type FreshCacheOptions<Value> = {
  clock: Clock;
  /** Entries at most; the least recently used goes first. */
  maxEntries: number;
  /** No entry is older. A safety net: changes are announced. */
  maxAgeMs: number;
  /** Whether notificationsDuring of changes arrive. While they do not, an entry lives for `uncertainAgeMs` at most. */
  isTrusted: () => boolean;
  uncertainAgeMs: number;
  /** Names under which {@link FreshCache.drop} finds the value. */
  tagsOf: (value: Value) => readonly string[];
};

/** A bounded cache of things that must never be served stale once their change was announced. */
export type FreshCache<Value> = {
  get: (key: string) => Value | undefined;
  /**
   * Fetches and remembers a value; callers that ask for one key at the same time share one fetch. Null and what was
   * announced as changed during the fetch are returned, but not remembered.
   */
  load: (key: string, fetch: () => Promise<Value | null>) => Promise<Value | null>;
  /** Forgets what carries the tag, and every fetch under way: it may have read the state before the change. */
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
    // The old entry's tags must be gone before the new one's are set.
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
      // Counts from before the fetch, because that is when the state was read at the earliest.
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
