import t from 'tap';
import { z } from 'zod';
import { createDatabase } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { createTestCluster } from '#libs/testing/cluster.ts';
import { enqueue } from './enqueue.ts';
import { createTestJobs } from './fixtures.ts';
import { defineTask } from './task.ts';

t.test('given a worker whose database is killed during a run', async (t) => {
  const cluster = await createTestCluster(t);
  const pool = createPool({
    connectionString: cluster.url,
    max: 2,
    applicationName: 'test',
    statementTimeoutMs: 10_000,
  });
  t.teardown(() => pool.end());
  const database = createDatabase(pool);
  const runs = new Map<string, PromiseWithResolvers<void>>();
  const runOf = (id: string) => {
    const run = runs.get(id) ?? Promise.withResolvers<void>();
    runs.set(id, run);
    return run.promise;
  };
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const task = defineTask({
    name: 'note-id',
    schema: z.object({ id: z.string() }),
    run: async ({ id }) => {
      if (id === 'interrupted') {
        started.resolve();
        await finish.promise;
      }
      runs.get(id)?.resolve();
    },
  });
  const ticks = Promise.withResolvers<void>();
  let isBack = false;
  const repeated = defineTask({
    name: 'tick-clock',
    schedule: { everySeconds: 1 },
    run: async () => {
      if (isBack) ticks.resolve();
    },
  });
  const { jobs } = createTestJobs(t, cluster.url, [task, repeated]);
  jobs.start();

  const interrupted = runOf('interrupted');
  await enqueue(database, task, { id: 'interrupted' });
  await started.promise;
  await cluster.kill();
  // The end of this run cannot be recorded, which ends the library's worker.
  finish.resolve();
  await interrupted;
  await cluster.start();
  isBack = true;
  const later = runOf('later');
  await enqueue(database, task, { id: 'later' });
  await later;
  await ticks.promise;
  t.pass('jobs and schedules go on within the test');
});
