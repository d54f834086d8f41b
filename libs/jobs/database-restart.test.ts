import t from 'tap';
import { z } from 'zod';
import { createDatabase } from '#libs/db/database.ts';
import { createPool } from '#libs/db/pool.ts';
import { createTestCluster } from '#libs/testing/cluster.ts';
import { enqueue } from './enqueue.ts';
import { createTestJobs, until } from './fixtures.ts';
import { defineTask } from './task.ts';

const isLost = ({ detail }: Record<string, unknown>) =>
  /^Failed to (complete|fail) jobs/.test(String(detail));

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
  const interrupted = Array.from({ length: 3 }, () => ({
    started: Promise.withResolvers<void>(),
    finish: Promise.withResolvers<void>(),
  }));
  const task = defineTask({
    name: 'note-id',
    schema: z.object({ id: z.string() }),
    run: async ({ id }) => {
      const run = interrupted[Number(id)];
      run?.started.resolve();
      await run?.finish.promise;
      runs.get(id)?.resolve();
      if (run === interrupted.at(-1)) throw new Error('The last run fails.');
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
  const { jobs, lines } = createTestJobs(t, cluster.url, [task, repeated]);
  jobs.start();

  for (const [index, { started }] of interrupted.entries()) {
    await enqueue(database, task, { id: String(index) });
    await started.promise;
  }
  await cluster.kill();
  // The end of a run cannot be recorded, which ends the library's worker, and the ends of further runs neither.
  for (const [index, { finish }] of interrupted.entries()) {
    const ended = runOf(String(index));
    finish.resolve();
    await ended;
    await until(async () => lines.filter(isLost).length > index);
  }
  await cluster.start();
  isBack = true;
  const later = runOf('later');
  await enqueue(database, task, { id: 'later' });
  await later;
  await ticks.promise;
  t.pass('jobs and schedules go on within the test');
});
