import { benchPath, type Child, startChild } from './children.ts';
import type { LoadJob, LoadResult } from './load.ts';

export type LoadGenerator = {
  /** @throws Error at the first answer that is not as expected. */
  run: (job: LoadJob) => Promise<LoadResult>;
  stop: () => Promise<void>;
};

/** Starts `load.ts` as a process of its own; jobs run one at a time. */
export async function startLoadGenerator(): Promise<LoadGenerator> {
  const child: Child = await startChild({ name: 'load', script: benchPath('load.ts') });
  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        const onExit = () => reject(new Error('The load generator ended'));
        child.process.once('exit', onExit);
        child.process.once('message', (answer: { result: LoadResult } | { error: string }) => {
          child.process.off('exit', onExit);
          if ('error' in answer) reject(new Error(answer.error));
          else resolve(answer.result);
        });
        child.process.send(job, (error) => error && reject(error));
      }),
    stop: child.stop,
  };
}
