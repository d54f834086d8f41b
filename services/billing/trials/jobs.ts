import { type Database, transaction } from '#libs/db/database.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type DueReminder, remindersDue, type Trial } from './domain.ts';
import { recordReminder, trialsToRemind } from './store.ts';

const BATCH_SIZE = 500;

export type TrialTaskOptions = {
  database: Database;
  runtime: Pick<Runtime, 'clock' | 'newId'>;
  reminderIntervalSeconds: number;
};

/** Sends reminders of trials that end soon. Each is sent once. */
export function trialTasks(options: TrialTaskOptions): Task[] {
  const { runtime, reminderIntervalSeconds } = options;
  return [
    defineTask({
      name: 'send-trial-reminders',
      schedule: { everySeconds: reminderIntervalSeconds },
      run: async (_payload, { signal }) => {
        const now = runtime.clock.now();
        for (const reminder of remindersDue(now)) await sendReminders(options, reminder, now, signal);
      },
    }),
  ];
}

async function sendReminders(
  { database, runtime }: TrialTaskOptions,
  reminder: DueReminder,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  let trials: Trial[];
  do {
    trials = await trialsToRemind(database, reminder, BATCH_SIZE);
    for (const trial of trials) {
      await transaction(database, (tx) =>
        recordReminder(tx, trial, reminder, { at: now, newId: runtime.newId }),
      );
    }
  } while (trials.length === BATCH_SIZE && !signal.aborted);
}
