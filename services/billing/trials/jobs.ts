import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { BillingEvent } from '../subscriptions/billing-event.ts';
import type { Trial } from '../subscriptions/subscription-tx.ts';
import { type DueReminder, remindersDue } from './reminders.ts';

const BATCH = 500;

/** Writes the reminders of trials that are about to end. However many replicas run it, each is written once. */
export function createReminderJob(options: {
  unreminded: (query: DueReminder & { limit: number }) => Promise<Trial[]>;
  record: (event: BillingEvent) => Promise<boolean>;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  intervalMs: number;
  logger: Logger;
}): PeriodicJob {
  const { unreminded, record, runtime, intervalMs, logger } = options;
  return createPeriodicJob({
    name: 'remind-of-trials',
    intervalMs,
    logger,
    run: async (signal) => {
      const now = runtime.clock.now();
      for (const reminder of remindersDue(now)) {
        let trials: Trial[];
        do {
          trials = await unreminded({ ...reminder, limit: BATCH });
          for (const { id: subject, accountId, planKey, endsAt } of trials) {
            const data = { plan: planKey, ends_at: endsAt.toISOString() };
            const { kind } = reminder;
            await record({ id: runtime.newId(), accountId, kind, subject, at: now, data });
          }
        } while (trials.length === BATCH && !signal.aborted);
      }
    },
  });
}
