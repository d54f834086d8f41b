import { z } from 'zod';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { FINISH_RUN } from './domain/autopilot.ts';
import { endUnstartedRun, type FinishOptions, finishRun } from './finish-run.ts';
import { deleteRunsBefore, findStuckRuns, findUnfinishedRuns } from './runs-store.ts';
import { type ScheduleOptions, scheduleDueRuns } from './schedule-runs.ts';

export type AutopilotTaskOptions = ScheduleOptions & FinishOptions;

const MINUTE_MS = 60_000;
/** Longer than all attempts of the gateway to start a run. */
const START_LIMIT_MS = 60 * MINUTE_MS;
const RETENTION_MS = 90 * 24 * 60 * MINUTE_MS;
const BATCH = 500;

const NOT_STARTED = {
  code: 'service_unavailable',
  detail: 'The run could not be started within an hour.',
};

export function autopilotTasks(options: AutopilotTaskOptions): Task[] {
  const { database, runtime } = options;
  const before = (ms: number) => new Date(runtime.clock.now().getTime() - ms);
  return [
    defineTask({
      name: 'schedule-autopilot-runs',
      schedule: { cron: '* * * * *' },
      run: (_payload, context) => scheduleDueRuns(options, context),
    }),
    defineTask({
      name: FINISH_RUN,
      schema: z.object({ runId: z.uuid(), accountId: z.uuid() }),
      run: ({ runId }) => finishRun(options, runId),
    }),
    // A job enqueues the end of its run. This task finds runs whose job was deleted before, and those that never started.
    defineTask({
      name: 'end-lost-autopilot-runs',
      schedule: { cron: '* * * * *' },
      run: async () => {
        for (const id of await findUnfinishedRuns(database, before(MINUTE_MS), BATCH))
          await finishRun(options, id);
        for (const run of await findStuckRuns(database, before(START_LIMIT_MS), BATCH))
          await endUnstartedRun(options, run, 'failed', { problem: NOT_STARTED, creator_removed: false });
      },
    }),
    defineTask({
      name: 'delete-old-autopilot-runs',
      schedule: { cron: '52 3 * * *' },
      run: async (_payload, { logger }) => {
        const deleted = await deleteRunsBefore(database, before(RETENTION_MS));
        logger.info({ deleted }, 'old autopilot runs deleted');
      },
    }),
  ];
}
