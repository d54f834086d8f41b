import { z } from 'zod';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { RUN_ROLLOUT } from './domain/rollout.ts';
import { enqueueRollout, listRunningRollouts } from './rollout-store.ts';
import { type RolloutDependencies, runRollout } from './run-rollout.ts';

export function rolloutTasks(dependencies: RolloutDependencies): Task[] {
  return [
    defineTask({
      name: RUN_ROLLOUT,
      schema: z.object({ rolloutId: z.uuid() }),
      run: ({ rolloutId }, context) => runRollout(dependencies, rolloutId, context),
    }),
    // For rollouts without a job: started by a version without a job queue, or failed in every attempt.
    defineTask({
      name: 'resume-rollouts',
      schedule: { everySeconds: 60 },
      run: async () => {
        const { database } = dependencies;
        for (const rollout of await listRunningRollouts(database)) await enqueueRollout(database, rollout);
      },
    }),
  ];
}
