import type { Clock } from '#libs/service/runtime.ts';
import type { ClaimedPost } from './ports.ts';
import { CLAIM_MS } from './publishing.ts';

const BATCH = 20;

/**
 * Publishes what has become due, oldest first. Any number of replicas may run it: each post is claimed by one of them,
 * and by another only when that one has been silent for too long.
 */
export function createPublishDue(options: {
  clock: Clock;
  claimDue: (now: Date, claimedUntil: Date, limit: number) => Promise<ClaimedPost[]>;
  publish: (post: ClaimedPost) => Promise<void>;
}): (signal: AbortSignal) => Promise<void> {
  const { clock, claimDue, publish } = options;
  return async (signal) => {
    for (let full = true; full && !signal.aborted; ) {
      const now = clock.now();
      const posts = await claimDue(now, new Date(now.getTime() + CLAIM_MS), BATCH);
      await Promise.all(posts.map(publish));
      full = posts.length === BATCH;
    }
  };
}
