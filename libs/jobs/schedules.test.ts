import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createTestJobs, until } from './fixtures.ts';
import { defineTask } from './task.ts';

t.test('given a task that runs every few seconds, on two replicas', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  let running = 0;
  let most = 0;
  let runs = 0;
  let fails = false;
  const task = defineTask({
    name: 'repeated-task',
    schedule: { everySeconds: 0.05 },
    run: async () => {
      running++;
      most = Math.max(most, running);
      await pool.query('SELECT 1');
      running--;
      runs++;
      if (fails) throw new Error('out of order');
    },
  });
  const replicas = [1, 2].map(() => createTestJobs(t, url, [task]));
  const ran = (more: number) => {
    const target = runs + more;
    return until(async () => runs >= target);
  };
  const count = async (state: string) =>
    (await pool.query(`SELECT FROM graphile_worker.jobs WHERE ${state}`)).rowCount ?? 0;
  const failed = () => count('attempts >= max_attempts AND locked_at IS NULL');

  await t.test('then it runs again and again, and never twice at once', async (t) => {
    for (const { jobs } of replicas) jobs.start();
    await ran(6);
    t.equal(most, 1);
    // While a run is locked, the next one may not be planned yet.
    const planned = () => count('locked_at IS NULL AND attempts < max_attempts');
    await until(async () => (await planned()) > 0);
    t.ok((await planned()) <= 1, 'one run is planned');
  });

  await t.test('when runs fail, then the next one comes as planned, and one failure is kept', async (t) => {
    fails = true;
    await ran(5);
    const failures = async () =>
      (
        await pool.query(
          'SELECT last_error FROM graphile_worker.jobs WHERE attempts >= max_attempts AND locked_at IS NULL',
        )
      ).rows;
    let rows: unknown[] = [];
    // The next run replaces the failure that is kept.
    await until(async () => {
      rows = await failures();
      return rows.length === 1;
    });
    t.strictSame(rows, [{ last_error: 'out of order' }]);
    t.match(
      replicas.flatMap(({ lines }) => lines).find(({ msg }) => msg === 'job failed'),
      { level: 'error', task: 'repeated-task', err: { message: 'out of order' } },
    );
  });

  await t.test('when it works again, then the failure is gone', async (t) => {
    fails = false;
    await ran(3);
    await until(async () => (await failed()) === 0);
    t.equal(most, 1);
  });

  await t.test('when its planned run was removed, then it is planned again', async (t) => {
    for (const { jobs } of replicas) await jobs.stop();
    const { jobs } = createTestJobs(t, url, [task], { claimMs: 200 });
    jobs.start();
    await ran(1);
    await until(async () => (await pool.query('DELETE FROM graphile_worker._private_jobs')).rowCount === 1);
    await ran(2);
    await jobs.stop();
  });

  await t.test('when another replica starts during a run, then it waits for its end', async (t) => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    let calls = 0;
    const slow = defineTask({
      name: 'slow-task',
      schedule: { everySeconds: 3_600 },
      run: async () => {
        calls++;
        started.resolve();
        await finish.promise;
      },
    });
    const first = createTestJobs(t, url, [slow]);
    first.jobs.start();
    await started.promise;
    createTestJobs(t, url, [slow]).jobs.start();
    await until(async () => (await count(`task_identifier = 'slow-task'`)) === 2);
    t.equal(calls, 1);
    finish.resolve();
    await until(async () => (await count(`task_identifier = 'slow-task' AND run_at > now()`)) === 1);
    t.equal(calls, 1, 'the next run is an interval away');
  });
});

t.test('given a task with a cron schedule that missed some occurrences', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const runs: unknown[] = [];
  const task = defineTask({
    name: 'cron-task',
    schedule: { cron: '* * * * *' },
    run: async (payload) => {
      runs.push(payload);
    },
  });
  await pool.query(
    `INSERT INTO graphile_worker._private_known_crontabs (identifier, known_since, last_execution)
     VALUES ('cron-task', now() - interval '1 day', now() - interval '10 minutes')`,
  );
  const replicas = [1, 2].map(() => createTestJobs(t, url, [task]));
  for (const { jobs } of replicas) jobs.start();
  await until(async () => runs.length > 0);
  const pending = async () => (await pool.query('SELECT FROM graphile_worker.jobs')).rowCount;
  await until(async () => (await pending()) === 0);
  t.strictSame(runs[0], {});
  t.ok(runs.length < 10, 'occurrences that waited together ran once');
  t.throws(() => createTestJobs(t, url, [task, task]), { message: 'Two tasks have the name "cron-task".' });
});
