/**
 * Counts requests against rate limits that all gateway processes share. A process leases some requests of a window from the
 * shared counter and admits them from memory, so that a busy client costs a statement for many requests, and all processes
 * together never admit more than the limit.
 */
import { LRUCache } from 'lru-cache';

export type RateLimitPolicy = { name: string; max: number; windowMs: number };

export type RateLimitCount = {
  isAllowed: boolean;
  /** Of the limit, as far as this process knows. */
  remaining: number;
  /** Until the window ends. */
  resetMs: number;
};

/** What a process asks of a shared counter. */
export type LeaseRequest = { key: string; asked: number; max: number; windowMs: number };
/** `granted` may be admitted within `leftMs` of sending the request; `remaining` is what others may still lease. */
export type Lease = { granted: number; remaining: number; leftMs: number };

export type SharedCounters = {
  count: (policy: RateLimitPolicy, key: string) => Promise<RateLimitCount>;
};

type LocalCounter = {
  /** Leased and not yet used. */
  left: number;
  remaining: number;
  endsAtMs: number;
  /** Requests that wait for the next lease. */
  waiting: number;
  leasedAtMs: number;
  leaseSize: number;
  pending: Promise<void> | undefined;
};

const MAX_COUNTERS = 50_000;
/** A lease that is used up sooner is followed by one of twice the size. */
const BUSY_MS = 1_000;
/** The largest lease is a share of the limit: what an idle process has leased is lost to the others. */
const LARGEST_SHARE = 20;

/**
 * @param options.lease changes the shared counters. Without an answer, requests are admitted: nothing that costs money is
 * served without the database.
 * @param options.nowMs a clock that only measures durations.
 */
export function createSharedCounters(options: {
  lease: (request: LeaseRequest) => Promise<Lease>;
  nowMs: () => number;
  onError: (error: unknown) => void;
}): SharedCounters {
  const { lease, nowMs, onError } = options;
  const counters = new LRUCache<string, LocalCounter>({ max: MAX_COUNTERS });

  function counterOf(key: string): LocalCounter {
    const known = counters.get(key);
    if (known !== undefined) return known;
    const fresh: LocalCounter = {
      left: 0,
      remaining: 1,
      endsAtMs: 0,
      waiting: 0,
      leasedAtMs: 0,
      leaseSize: 0,
      pending: undefined,
    };
    counters.set(key, fresh);
    return fresh;
  }

  async function refill(key: string, counter: LocalCounter, { max, windowMs }: RateLimitPolicy) {
    const startedAtMs = nowMs();
    const isBusy = startedAtMs - counter.leasedAtMs < BUSY_MS;
    const largest = Math.max(1, Math.floor(max / LARGEST_SHARE));
    const size = Math.min(largest, isBusy ? counter.leaseSize * 2 : 1);
    const asked = Math.max(size, counter.waiting);
    const { granted, remaining, leftMs } = await lease({ key, asked, max, windowMs });
    counter.left = granted;
    counter.remaining = remaining;
    counter.endsAtMs = startedAtMs + leftMs;
    counter.leasedAtMs = startedAtMs;
    counter.leaseSize = size;
  }

  return {
    async count(policy, key) {
      const name = `${policy.name} ${key}`;
      const counter = counterOf(name);
      counter.waiting += 1;
      try {
        for (;;) {
          const resetMs = counter.endsAtMs - nowMs();
          if (resetMs > 0 && counter.left > 0) {
            counter.left -= 1;
            return { isAllowed: true, remaining: counter.left + counter.remaining, resetMs };
          }
          if (resetMs > 0 && counter.remaining === 0) return { isAllowed: false, remaining: 0, resetMs };
          counter.pending ??= refill(name, counter, policy).finally(() => {
            counter.pending = undefined;
          });
          await counter.pending;
        }
      } catch (error) {
        onError(error);
        return { isAllowed: true, remaining: policy.max, resetMs: policy.windowMs };
      } finally {
        counter.waiting -= 1;
      }
    },
  };
}
