import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { StreamSlots } from '#libs/service/stream-slots.ts';
import { rateLimited } from './rate-limited.ts';
import type { SharedCounters } from './shared-counters.ts';

/** What a request counts as in a plan's rate limits. */
export type RateLimitClass = { generation: boolean; stream: boolean };

/**
 * A plan's rate limits, over all processes: requests and generations per minute are counted for the account, open streams
 * for each user. They keep one account from crowding out the others; spending is limited by the ledger.
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
  ) => Promise<(() => void) | undefined>;
};

const MINUTE_MS = 60_000;
/** Streams end within seconds. */
const STREAM_RETRY_MS = 1_000;

export function createPlanRateLimiter(
  counters: SharedCounters,
  takeStream: StreamSlots['take'],
): PlanRateLimiter {
  return {
    async acquire(
      { accountId, userId, keyId },
      { plan, requestsPerMinute, generationsPerMinute, streamsPerUser },
      { generation, stream },
    ) {
      const count = async (name: string, max: number) => {
        const policy = { name, max, windowMs: MINUTE_MS };
        const counted = await counters.count(policy, accountId);
        if (!counted.isAllowed) throw rateLimited(policy, counted.resetMs, plan.key);
      };
      const openStream = async (max: number) => {
        const release = await takeStream(`${accountId} ${userId ?? keyId}`, max);
        if (release) return release;
        throw rateLimited({ name: 'streams_per_user', max }, STREAM_RETRY_MS, plan.key);
      };
      const release =
        stream && streamsPerUser.value !== null ? await openStream(streamsPerUser.value) : undefined;
      try {
        if (requestsPerMinute.value !== null) await count('requests_per_minute', requestsPerMinute.value);
        if (generation && generationsPerMinute.value !== null)
          await count('generations_per_minute', generationsPerMinute.value);
      } catch (error) {
        release?.();
        throw error;
      }
      return release;
    },
  };
}
