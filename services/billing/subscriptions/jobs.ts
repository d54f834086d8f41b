import { Counter, type Registry } from 'prom-client';
import { defineTask, type JobContext, type Task } from '#libs/jobs/task.ts';
import { changeSubscription, type SubscriptionDeps } from './change.ts';
import { decideReminder, REMINDER_DAYS } from './domain/decide-reminder.ts';
import { keepSubscription } from './domain/decision.ts';
import { daysLater } from './domain/transitions.ts';
import { type DueAccount, dueAccounts, overdueAccounts } from './store.ts';

const BATCH_SIZE = 200;
const REMINDER_SECONDS = 3_600;

export type SubscriptionTaskOptions = SubscriptionDeps & {
  registry: Registry;
  renewalIntervalSeconds: number;
};

/** Renews, changes and ends due subscriptions. */
export function subscriptionTasks(options: SubscriptionTaskOptions): Task[] {
  const { registry, renewalIntervalSeconds, ...deps } = options;
  const reconciled = new Counter({
    name: 'inkmeter_subscriptions_reconciled_total',
    help: 'Due subscriptions that were reconciled',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return [
    defineTask({
      name: 'renew-subscriptions',
      schedule: { everySeconds: renewalIntervalSeconds },
      run: async (_payload, context) => {
        for await (const accountId of eachDueAccount(deps)) {
          if (context.signal.aborted) return;
          reconciled.inc({ outcome: await reconcileAccount(deps, accountId, context) });
        }
      },
    }),
    defineTask({
      name: 'send-payment-reminders',
      schedule: { everySeconds: REMINDER_SECONDS },
      run: async (_payload, { signal }) => {
        const until = daysLater(deps.runtime.clock.now(), REMINDER_DAYS);
        for (const accountId of await overdueAccounts(deps.database, until)) {
          if (signal.aborted) return;
          await changeSubscription(deps, { accountId }, decideReminder);
        }
      },
    }),
  ];
}

async function* eachDueAccount({ database, runtime }: SubscriptionDeps): AsyncGenerator<string> {
  const now = runtime.clock.now();
  let batch: DueAccount[] = [];
  do {
    batch = await dueAccounts(database, { now, after: batch.at(-1), limit: BATCH_SIZE });
    for (const { accountId } of batch) yield accountId;
  } while (batch.length === BATCH_SIZE);
}

/** An account that fails does not delay the others. It stays due, so the next run tries it again. */
async function reconcileAccount(
  deps: SubscriptionDeps,
  accountId: string,
  { logger }: JobContext,
): Promise<'ok' | 'failed'> {
  try {
    await changeSubscription(deps, { accountId }, keepSubscription);
    return 'ok';
  } catch (error) {
    logger.error({ err: error, account: accountId }, 'subscription reconciliation failed');
    return 'failed';
  }
}
