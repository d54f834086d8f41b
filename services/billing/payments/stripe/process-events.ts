/** Processes the waiting events of a customer, and reads objects again at Stripe. */
import Stripe from 'stripe';
import { transaction } from '#libs/db/database.ts';
import type { Logger } from '#libs/service/logger.ts';
import { planNotice, type SyncTarget } from './domain/event-types.ts';
import { type ObjectRead, workOf } from './domain/event-work.ts';
import { eventsOf, markEvents, nameObject } from './inbox-store.ts';
import { enqueueEvents, keyOf } from './intake.ts';
import { locate } from './locate.ts';
import { type StripeDeps, type SyncOutcome, syncSubscription } from './sync.ts';
import { syncInvoice } from './sync-invoice.ts';
import { markAll, syncDispute, syncRefunds } from './sync-money.ts';
import { noticeOf } from './webhook.ts';

export type ProcessOptions = {
  /** Whether the key of this installation moves money. */
  isLive: boolean;
  logger: Logger;
  onRead: (target: SyncTarget, outcome: SyncOutcome) => void;
};

/** What the events of one subscription come to: it is read once for all of them. */
type SubscriptionRead = {
  targets: SyncTarget[];
  eventIds: string[];
  invoiceIds: Set<string>;
  isUpcoming: boolean;
};

/**
 * An object that cannot be read does not delay the others.
 *
 * @throws the first error of Stripe's, after which the job is repeated for the events that still wait.
 */
export async function processEvents(deps: StripeDeps, key: string, options: ProcessOptions): Promise<void> {
  const { reads, unnamed } = workOf(await eventsOf(deps.database, key));
  const subscriptions = new Map<string, SubscriptionRead>();
  const errors: unknown[] = [];
  const attempt = (work: Promise<void>) => work.catch((error: unknown) => void errors.push(error));
  for (const eventId of unnamed) await attempt(nameEvent(deps, eventId, options));
  for (const read of reads) await attempt(readObject(deps, read, subscriptions, options));
  for (const [id, read] of subscriptions) await attempt(readSubscription(deps, id, read, options));
  if (errors.length > 0) throw errors[0];
}

/** Reads one object again, without an event. */
export async function syncObject(
  deps: StripeDeps,
  { target, objectId }: Pick<ObjectRead, 'target' | 'objectId'>,
  options: ProcessOptions,
): Promise<void> {
  const subscriptions = new Map<string, SubscriptionRead>();
  const read = { target, objectId, subscriptionId: null, eventIds: [] };
  await readObject(deps, read, subscriptions, options);
  for (const [id, found] of subscriptions) await readSubscription(deps, id, found, options);
}

/** Reads an object, or adds it to what is read with its subscription. */
async function readObject(
  deps: StripeDeps,
  read: ObjectRead,
  subscriptions: Map<string, SubscriptionRead>,
  options: ProcessOptions,
): Promise<void> {
  const { target, eventIds } = read;
  const outcome = await unlessMissing(deps, eventIds, async () => {
    const located = await locate(deps, read);
    switch (located.kind) {
      case 'subscription':
        collect(subscriptions, located, read);
        return undefined;
      case 'invoice':
        return syncInvoice(deps, located.id, eventIds);
      case 'refunds':
        return syncRefunds(deps, located.refunds, eventIds);
      case 'dispute':
        return syncDispute(deps, located.id, eventIds);
      case 'nothing':
        return markAll(deps, eventIds, located.outcome);
    }
  });
  if (outcome !== undefined) options.onRead(target, outcome);
}

function collect(
  subscriptions: Map<string, SubscriptionRead>,
  { id, invoiceId, isUpcoming }: { id: string; invoiceId: string | null; isUpcoming: boolean },
  { target, eventIds }: ObjectRead,
): void {
  const read = subscriptions.get(id) ?? {
    targets: [],
    eventIds: [],
    invoiceIds: new Set(),
    isUpcoming: false,
  };
  read.targets.push(target);
  read.eventIds.push(...eventIds);
  if (invoiceId !== null) read.invoiceIds.add(invoiceId);
  read.isUpcoming ||= isUpcoming;
  subscriptions.set(id, read);
}

async function readSubscription(
  deps: StripeDeps,
  id: string,
  { targets, eventIds, invoiceIds, isUpcoming }: SubscriptionRead,
  { logger, onRead }: ProcessOptions,
): Promise<void> {
  const work = { eventIds, invoiceIds: [...invoiceIds], isUpcoming, logger };
  const outcome = await unlessMissing(deps, eventIds, () => syncSubscription(deps, id, work));
  for (const target of targets) onRead(target, outcome);
}

/** Objects of test mode are deleted, and events may be forged by a leaked secret: such work is done. */
async function unlessMissing<Outcome>(
  deps: StripeDeps,
  eventIds: readonly string[],
  read: () => Promise<Outcome>,
): Promise<Outcome | SyncOutcome> {
  try {
    return await read();
  } catch (error) {
    const isMissing = error instanceof Stripe.errors.StripeInvalidRequestError && error.statusCode === 404;
    if (!isMissing) throw error;
    return markAll(deps, eventIds, 'gone');
  }
}

/** Reads the snapshot of an event that does not name its object. It then waits with the events of its customer. */
async function nameEvent(deps: StripeDeps, eventId: string, { isLive }: ProcessOptions): Promise<void> {
  const { stripe, database, runtime } = deps;
  await unlessMissing(deps, [eventId], async () => {
    const notice = noticeOf(await stripe.events.retrieve(eventId));
    const plan = planNotice(notice, isLive);
    if (plan.kind !== 'sync') {
      const outcome = plan.kind === 'done' ? plan.outcome : 'no_object';
      return markEvents(database, [eventId], { outcome, now: runtime.clock.now() });
    }
    const { objectId } = plan;
    const { customerId, subscriptionId } = notice;
    await transaction(database, async (tx) => {
      await nameObject(tx, eventId, { objectId, customerId, subscriptionId });
      await enqueueEvents(tx, [keyOf({ eventId, objectId, customerId })]);
    });
  });
}
