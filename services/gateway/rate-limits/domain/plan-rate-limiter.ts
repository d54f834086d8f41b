import { LRUCache } from 'lru-cache';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

/** What a request counts as in a plan's rate limits. */
export type RateLimitClass = { generation: boolean; stream: boolean };

/**
 * A plan's rate limits: requests per minute and open streams per user, in the memory of one process. They keep one account
 * from crowding out the others; spending is limited by the ledger.
 */
export type PlanRateLimiter = {
  /**
   * Counts a request.
   *
   * @returns a function to call when the response has ended; undefined if there is nothing to release.
   * @throws ProblemError `rate_limited`
   */
  acquire: (
    caller: Caller,
    entitlements: Entitlements,
    rateLimitClass: RateLimitClass,
  ) => (() => void) | undefined;
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

  function openStream(streamOwner: string): () => void {
    streams.set(streamOwner, (streams.get(streamOwner) ?? 0) + 1);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const open = (streams.get(streamOwner) ?? 1) - 1;
      if (open > 0) streams.set(streamOwner, open);
      else streams.delete(streamOwner);
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
      const streamOwner = `${caller.accountId} ${caller.userId ?? caller.keyId}`;
      const most = streamsPerUser.value;
      if (stream && most !== null && (streams.get(streamOwner) ?? 0) >= most) {
        throw refuse('streams_per_user', most, 1000);
      }
      minute.requests += 1;
      if (generation) minute.generations += 1;
      return stream && most !== null ? openStream(streamOwner) : undefined;
    },
  };
}
