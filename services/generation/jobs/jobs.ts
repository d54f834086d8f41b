import { z } from 'zod';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { completeCopies } from './copies.ts';
import { RESOLVE_COPIES } from './copies-store.ts';
import { RUN_STEP } from './domain/job.ts';
import { failOverdueJobs } from './end-job.ts';
import { type RunOptions, runStep } from './run-step.ts';
import { deleteTextEvents } from './store.ts';

/** How long the pieces of a text can be read after the end of its job. */
const TEXT_EVENTS_MS = 3_600_000;

export function generationTasks(options: () => RunOptions): Task[] {
  return [
    defineTask({
      name: RUN_STEP,
      schema: z.object({
        generationId: z.uuid(),
        step: z.string(),
        accountId: z.uuid(),
        timesPutOff: z.int().optional(),
      }),
      run: ({ generationId, step, timesPutOff }, { signal }) =>
        runStep(options(), { generationId, key: step }, signal, timesPutOff),
    }),
    defineTask({
      name: RESOLVE_COPIES,
      schema: z.object({ generationId: z.uuid() }),
      run: ({ generationId }) => completeCopies(options(), generationId),
    }),
    defineTask({
      name: 'fail-overdue-generations',
      schedule: { cron: '* * * * *' },
      run: async (_payload, { logger }) => {
        const { deadlineMarginMs } = options();
        const failed = await failOverdueJobs(options(), deadlineMarginMs);
        if (failed.length > 0) logger.warn({ generations: failed }, 'generations failed at their deadline');
      },
    }),
    defineTask({
      name: 'delete-generation-texts',
      schedule: { cron: '17 * * * *' },
      run: async () => {
        const { database, runtime } = options();
        await deleteTextEvents(database, before(runtime.clock, TEXT_EVENTS_MS));
      },
    }),
  ];
}

function before(clock: Clock, ms: number): Date {
  return new Date(clock.now().getTime() - ms);
}
