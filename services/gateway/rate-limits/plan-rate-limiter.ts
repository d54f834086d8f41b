import { LRUCache } from 'lru-cache';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

/** What a request is, as far as a plan says how often it may come. */
export type RateLimitClass = { generation: boolean; stream: boolean };

/**
 * How often a plan lets its account call, and how many streams a person may have open: per process, in memory. It keeps
 * one account from crowding out the others; what may be spent is the ledger's business.
 */
export type PlanRateLimiter = {
  /**
   * Counts a request.
   *
   * @returns to be called once its answer is complete.
   * @throws ProblemError `rate_limited`
   */
  acquire: (caller: Caller, entitlements: Entitlements, paced: RateLimitClass) => () => void;
};

const MINUTE_MS = 60_000;
const MAX_ACCOUNTS = 20_000;

type Minute = { startedAtMs: number; requests: number; generations: number };

export function createPlanRateLimiter(now: () => Date): PlanRateLimiter {
  const minutes = new LRUCache<string, Minute>({ max: MAX_ACCOUNTS });
  const streams = new Map<string, number>();

  function minuteOf(accountId: string, atMs: number): Minute {
    const known = minutes.get(accountId);
    if (known !== undefined && atMs - known.startedAtMs < MINUTE_MS) return known;
    const fresh = { startedAtMs: atMs, requests: 0, generations: 0 };
    minutes.set(accountId, fresh);
    return fresh;
  }

  function openStream(who: string): () => void {
    streams.set(who, (streams.get(who) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (streams.get(who) ?? 1) - 1;
      if (left > 0) streams.set(who, left);
      else streams.delete(who);
    };
  }

  return {
    acquire(
      caller,
      { plan, requestsPerMinute, generationsPerMinute, streamsPerUser },
      { generation, stream },
    ) {
      const atMs = now().getTime();
      const minute = minuteOf(caller.accountId, atMs);
      const refuse = (policy: string, most: number, retryAfterMs: number) =>
        problem('rate_limited', {
          fields: { policy, limit: most, plan: plan.key },
          headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
        });
      const untilNextMs = minute.startedAtMs + MINUTE_MS - atMs;
      const requests = requestsPerMinute.value;
      const generations = generationsPerMinute.value;
      if (requests !== null && minute.requests >= requests) {
        throw refuse('requests_per_minute', requests, untilNextMs);
      }
      if (generation && generations !== null && minute.generations >= generations) {
        throw refuse('generations_per_minute', generations, untilNextMs);
      }
      const who = `${caller.accountId} ${caller.userId ?? caller.keyId}`;
      const most = streamsPerUser.value;
      if (stream && most !== null && (streams.get(who) ?? 0) >= most) {
        throw refuse('streams_per_user', most, 1000);
      }
      minute.requests += 1;
      if (generation) minute.generations += 1;
      return stream && most !== null ? openStream(who) : () => {};
    },
  };
}
