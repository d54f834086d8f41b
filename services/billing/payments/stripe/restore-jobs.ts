/** Schedules a change again that gave way to another one, once that is paid or its time to be paid is over. */
import type Stripe from 'stripe';
import { z } from 'zod';
import type { Tx } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { SubscriptionDeps } from '../../subscriptions/plugin.ts';
import { isChanging } from '../change-store.ts';
import { restoreScheduled } from './changes.ts';

const TASK = 'restore-stripe-schedule';
/** A request that was not answered by then has failed. */
const ANSWERED_WITHIN_MS = 10 * 60_000;

export async function enqueueRestore(tx: Tx, subscriptionId: string): Promise<void> {
  await enqueue(tx, TASK, { subscriptionId }, { jobKey: `${TASK} ${subscriptionId}` });
}

type RestoreDeps = Pick<SubscriptionDeps, 'database' | 'runtime'> & { stripe: Stripe };

export function restoreTask({ database, runtime, stripe }: RestoreDeps): Task {
  return defineTask({
    name: TASK,
    schema: z.object({ subscriptionId: z.string() }),
    run: async ({ subscriptionId }) => {
      const since = new Date(runtime.clock.now().getTime() - ANSWERED_WITHIN_MS);
      // The change itself is under way. The subscription is read again after it.
      if (await isChanging(database, subscriptionId, since)) return;
      await restoreScheduled(stripe, subscriptionId);
    },
  });
}
