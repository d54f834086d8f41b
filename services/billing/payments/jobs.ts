import { defineTask, type Task } from '#libs/jobs/task.ts';
import { collectPayment, type PaymentDeps } from './collect.ts';
import { uncollectedRequests } from './store.ts';

const BATCH_SIZE = 200;
const INTERVAL_SECONDS = 10;

/** Orders requested payments from the driver, such as those of renewals. */
export function paymentTasks(deps: PaymentDeps): Task[] {
  return [
    defineTask({
      name: 'collect-payments',
      schedule: { everySeconds: INTERVAL_SECONDS },
      run: async (_payload, { signal, logger }) => {
        for (const request of await uncollectedRequests(deps.database, BATCH_SIZE)) {
          if (signal.aborted) return;
          try {
            await collectPayment(deps, request);
          } catch (error) {
            // The request stays uncollected, so the next run tries it again.
            logger.error({ err: error, payment_request: request.id }, 'payment collection failed');
          }
        }
      },
    }),
  ];
}
