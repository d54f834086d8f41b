/** Finds events that no delivery brought, in Stripe's own list. */
import type { JobContext } from '#libs/jobs/task.ts';
import { secondsOf } from './client.ts';
import type { StripeNotice } from './domain/event-types.ts';
import { keysWaitingSince } from './inbox-store.ts';
import { acceptNotices, enqueueEvents } from './intake.ts';
import { readProgress, saveProgress } from './store.ts';
import type { StripeDeps } from './sync.ts';
import { noticeOf } from './webhook.ts';

export const EVENTS = 'events';
/** Events appear in the list a little after they happen, and `created` has whole seconds. */
const OVERLAP_MS = 10 * 60_000;
/** Stripe keeps events for 30 days. */
const LOOK_BACK_MS = 29 * 24 * 60 * 60_000;
const PAGE = 100;
/** Longer than the job's own repetitions take after an outage of Stripe. */
const STUCK_MS = 60 * 60_000;
const MAX_STUCK = 500;

export async function pollEvents(
  deps: StripeDeps,
  { signal, logger }: JobContext,
  isLive: boolean,
): Promise<void> {
  const { stripe, database, runtime } = deps;
  const startedAt = runtime.clock.now();
  const reached = await readProgress(database, EVENTS);
  const from = reached === undefined ? startedAt.getTime() - LOOK_BACK_MS : reached.getTime() - OVERLAP_MS;
  const of = { source: 'reconciliation', now: startedAt, isLive } as const;
  const accept = (notices: readonly StripeNotice[]) => acceptNotices(database, notices, of);
  let missed = 0;
  let page: StripeNotice[] = [];
  for await (const event of stripe.events.list({
    created: { gte: secondsOf(new Date(from)) },
    limit: PAGE,
  })) {
    if (signal.aborted) return;
    page.push(noticeOf(event));
    if (page.length < PAGE) continue;
    missed += await accept(page);
    page = [];
  }
  missed += await accept(page);
  // Only a complete pass counts: the list begins with the newest.
  await saveProgress(database, EVENTS, startedAt);
  if (missed > 0) logger.warn({ events: missed }, 'missed Stripe events found');
}

/** Tries events again whose job has given up, or that another version of this service has left. */
export async function retryWaiting({ database, runtime }: StripeDeps): Promise<void> {
  const since = new Date(runtime.clock.now().getTime() - STUCK_MS);
  await enqueueEvents(database, await keysWaitingSince(database, since, MAX_STUCK));
}
