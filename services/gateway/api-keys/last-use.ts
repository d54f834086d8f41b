import type { Clock } from '#libs/service/runtime.ts';
import type { ApiKeyStore } from '../auth/ports.ts';

export type LastUse = {
  /** Notes that a key is being used now; costs a map lookup. */
  note: (keyId: string) => void;
  /** Writes what was noted. A failure loses the notes of this round, which later uses make good. */
  flush: () => Promise<void>;
};

/** A key's last use is kept to this precision, so that a busy key costs one write a minute. */
export const LAST_USE_PRECISION_MS = 60_000;
const MAX_KEYS = 100_000;

/** Collects when keys were used, off the hot path, to be written in batches. */
export function createLastUse(clock: Clock, store: Pick<ApiKeyStore, 'touch'>): LastUse {
  /** When each key was last noted; also tells which keys need no note yet. */
  const notedAtMs = new Map<string, number>();
  let pending = new Map<string, Date>();

  return {
    note(keyId) {
      const now = clock.now();
      const before = notedAtMs.get(keyId);
      if (before !== undefined && now.getTime() - before < LAST_USE_PRECISION_MS) return;
      if (notedAtMs.size >= MAX_KEYS) notedAtMs.clear();
      notedAtMs.set(keyId, now.getTime());
      pending.set(keyId, now);
    },

    async flush() {
      if (pending.size === 0) return;
      const batch = pending;
      pending = new Map();
      await store.touch(batch);
    },
  };
}
