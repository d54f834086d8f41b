/** A second subscription of an account, such as one of two tabs: it is cancelled, and what it collected is refunded. */
import { z } from 'zod';
import type { Tx } from '#libs/db/database.ts';
import { enqueue } from '#libs/jobs/enqueue.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { SubscriptionDeps } from '../../subscriptions/plugin.ts';
import type { HostedPayments } from '../port.ts';
import { findCollectedPayments, findStripeSubscription } from './store.ts';

const TASK = 'cancel-duplicate-subscription';

/** Adds the job in the transaction that finds the duplicate. */
export async function enqueueDuplicate(tx: Tx, subscriptionId: string): Promise<void> {
  await enqueue(tx, TASK, { subscriptionId }, { jobKey: `${TASK} ${subscriptionId}` });
}

export function duplicateTask(deps: Pick<SubscriptionDeps, 'database'> & { hosted: HostedPayments }): Task {
  return defineTask({
    name: TASK,
    schema: z.object({ subscriptionId: z.string() }),
    run: async ({ subscriptionId }) => {
      const { database, hosted } = deps;
      const row = await findStripeSubscription(database, subscriptionId);
      if (row === undefined || !row.isDuplicate) return;
      if (row.status !== 'canceled') {
        await hosted.cancel({ subscriptionId, when: 'now', idempotencyKey: `duplicate-${subscriptionId}` });
      }
      for (const payment of await findCollectedPayments(database, subscriptionId)) {
        await hosted.refund({
          paymentId: payment.id,
          amountMinor: payment.amountMinor,
          accountId: row.accountId,
          idempotencyKey: `duplicate-refund-${payment.id}`,
        });
      }
    },
  });
}
