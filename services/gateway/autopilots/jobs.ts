import { START_AUTOPILOT_RUN, startAutopilotRun } from '#libs/contracts/autopilot-runs.ts';
import { defineTask, type Task } from '#libs/jobs/task.ts';
import { type StartRunOptions, startRun } from './start-run.ts';

/** Runs that generation has scheduled. */
export function autopilotTasks(options: StartRunOptions): Task[] {
  return [
    defineTask({
      name: START_AUTOPILOT_RUN,
      schema: startAutopilotRun,
      run: (run) => startRun(options, run),
    }),
  ];
}
