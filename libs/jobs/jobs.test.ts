import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import t from 'tap';
import { z } from 'zod';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { enqueue, enqueueAll } from './enqueue.ts';
import { createTestJobs, until } from './fixtures.ts';
import { defineTask } from './task.ts';

const SERVICES = Object.keys(serviceRoles) as ServiceName[];
const DENIED = { code: '42501' };
const ID = z.object({ id: z.string() });

t.test('given the role of each service', async (t) => {
  const { serviceUrl } = await createTestDatabase(t);
  for (const service of SERVICES) {
    await t.test(
      `then ${service} enqueues and runs jobs, and cannot change the queue's tables`,
      async (t) => {
        const pool = new pg.Pool({ connectionString: serviceUrl(service), max: 1 });
        t.teardown(() => pool.end());
        const done = Promise.withResolvers<string>();
        const task = defineTask({
          name: `note-${service}`,
          schema: ID,
          run: async ({ id }) => done.resolve(id),
        });
        const { jobs } = createTestJobs(t, serviceUrl(service), [task]);
        jobs.start();
        const id = randomUUID();
        await transaction(createDatabase(pool), (tx) => enqueue(tx, task, { id }, { queue: 'notes' }));
        t.equal(await done.promise, id);
        for (const statement of [
          'CREATE TABLE graphile_worker.mine (id int)',
          'ALTER TABLE graphile_worker._private_jobs ADD COLUMN mine int',
          'ALTER TABLE graphile_worker._private_jobs DISABLE ROW LEVEL SECURITY',
          'DROP VIEW graphile_worker.jobs',
          'TRUNCATE graphile_worker._private_jobs',
        ])
          await t.rejects(pool.query(statement), DENIED, statement);
      },
    );
  }
});

t.test('given a worker', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const jobsOf = async (task: string) =>
    (await pool.query('SELECT * FROM graphile_worker.jobs WHERE task_identifier = $1', [task])).rows;

  await t.test('when the transaction fails, then there is no job', async (t) => {
    const failed = transaction(database, async (tx) => {
      await enqueue(tx, 'never-run', { id: 'a' });
      throw new Error('the action failed');
    });
    await t.rejects(failed, { message: 'the action failed' });
    t.strictSame(await jobsOf('never-run'), []);
  });

  await t.test('when a payload does not fit its task, then it is refused at once', async (t) => {
    const task = defineTask({ name: 'strict-task', schema: ID, run: async () => {} });
    const misfit = { id: 7 } as unknown as { id: string };
    await t.rejects(enqueue(database, task, misfit), { name: 'ZodError' });
    t.throws(() => defineTask({ name: 'Strict_Task', run: async () => {} }), TypeError);
  });

  await t.test('when jobs have a key, then one waits for all', async (t) => {
    const runAt = new Date(Date.now() + 3_600_000);
    for (const id of ['a', 'b']) await enqueue(database, 'keyed-task', { id }, { jobKey: 'k', runAt });
    const waiting = await jobsOf('keyed-task');
    t.equal(waiting.length, 1);
    t.strictSame(waiting[0].run_at, runAt);
  });

  await t.test('when the job of a key begins in that moment, then another one follows it', async (t) => {
    const job = { task: 'begun-task', payload: { id: 'a' } };
    const again: [string, () => Promise<unknown>][] = [
      ['one', () => enqueue(database, job.task, job.payload, { jobKey: 'one' })],
      ['many', () => enqueueAll(database, [{ ...job, jobKey: 'many' }])],
    ];
    for (const [key, add] of again) {
      await add();
      const worker = await pool.connect();
      await worker.query('BEGIN');
      await worker.query(
        `UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'a worker' WHERE key = $1`,
        [key],
      );
      const added = add();
      await until(async () => {
        const { rows } = await pool.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                                              AND datname = current_database()`);
        return rows.length > 0;
      });
      await worker.query('COMMIT');
      worker.release();
      await added;
      const waiting = (await jobsOf(job.task)).filter((row) => row.key === key && row.locked_at === null);
      t.equal(waiting.length, 1, key);
    }
    await pool.query('DELETE FROM graphile_worker._private_jobs WHERE locked_by IS NOT NULL');
  });

  await t.test(
    'when a run fails, then it is repeated, and the log and the row contain no payload',
    async (t) => {
      const secret = 'hunter2-hunter2';
      const calls: number[] = [];
      const task = defineTask({
        name: 'failing-task',
        schema: z.object({ password: z.string() }),
        maxAttempts: 2,
        run: async ({ password }) => {
          calls.push(Date.now());
          throw new Error(`cannot log in with ${password} and sk-abcdefghijkl`);
        },
      });
      const { jobs, lines, metrics } = createTestJobs(t, url, [task]);
      jobs.start();
      const id = await enqueue(database, task, { password: secret });
      await until(async () => (await jobsOf('failing-task'))[0]?.attempts === 1 && calls.length === 1);
      await until(async () => (await jobsOf('failing-task'))[0]?.locked_at === null);
      // The queue waits some seconds before it repeats a run.
      await pool.query('SELECT graphile_worker.reschedule_jobs(ARRAY[$1::bigint], now())', [id]);
      await until(async () => (await jobsOf('failing-task'))[0]?.locked_at === null && calls.length === 2);
      t.match((await jobsOf('failing-task'))[0], {
        attempts: 2,
        max_attempts: 2,
        last_error: 'cannot log in with [payload] and sk-[redacted]',
      });
      const failures = lines.filter(({ msg }) => msg === 'job failed');
      t.match(failures, [
        { level: 'warn', task: 'failing-task', job: id, attempt: 1, err: { type: 'Error' } },
        { level: 'error', task: 'failing-task', job: id, attempt: 2, err: { type: 'Error' } },
      ]);
      t.notMatch(JSON.stringify(lines), secret);
      const text = await metrics.registry.metrics();
      t.match(text, /inkmeter_jobs\{task="failing-task",state="failed".*\} 1/);
      t.match(text, /inkmeter_jobs\{task="failing-task",state="queued".*\} 0/);
      t.match(text, /inkmeter_job_runs_total\{task="failing-task",outcome="retried".*\} 1/);
      t.match(text, /inkmeter_job_runs_total\{task="failing-task",outcome="failed".*\} 1/);
    },
  );

  await t.test('when jobs wait, then their age is that of the oldest that is due', async (t) => {
    const task = defineTask({ name: 'waiting-task', schema: ID, run: async () => {} });
    const { metrics } = createTestJobs(t, url, [task]);
    await enqueue(database, task, { id: 'a' }, { runAt: new Date(Date.now() - 100_000) });
    await enqueue(database, task, { id: 'b' }, { runAt: new Date(Date.now() + 100_000) });
    const text = await metrics.registry.metrics();
    t.match(text, /inkmeter_jobs\{task="waiting-task",state="queued".*\} 2/);
    t.match(text, /inkmeter_jobs_oldest_age_seconds\{task="waiting-task".*\} 1\d\d\./);
  });

  await t.test('when a worker died, then another runs its job', async (t) => {
    const done = Promise.withResolvers<string>();
    const task = defineTask({ name: 'orphaned-task', schema: ID, run: async ({ id }) => done.resolve(id) });
    await enqueue(database, task, { id: 'orphan' }, { queue: 'orphans' });
    for (const table of ['_private_jobs', '_private_job_queues'])
      await pool.query(
        `UPDATE graphile_worker.${table} SET locked_by = 'pool-dead', locked_at = now() - interval '1 minute'
          WHERE ${table === '_private_jobs' ? `task_id = (SELECT id FROM graphile_worker._private_tasks WHERE identifier = 'orphaned-task')` : `queue_name = 'orphans'`}`,
      );
    const { jobs, lines } = createTestJobs(t, url, [task]);
    jobs.start();
    t.equal(await done.promise, 'orphan');
    t.match(
      lines.find(({ msg }) => msg === 'stale job claims released'),
      { workers: ['pool-dead'] },
    );
  });

  await t.test('when a run is longer than a claim, then the claim is renewed', async (t) => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const calls: string[] = [];
    const task = defineTask({
      name: 'long-task',
      schema: ID,
      run: async ({ id }) => {
        calls.push(id);
        started.resolve();
        await finish.promise;
      },
    });
    const claimed = async () => (await jobsOf('long-task'))[0]?.locked_at as Date;
    // A quarter of a claim passes between renewals; a busy machine may delay one for longer than a second.
    const claimMs = 6_000;
    const replicas = [1, 2].map(() => createTestJobs(t, url, [task], { claimMs }));
    for (const { jobs } of replicas) jobs.start();
    await enqueue(database, task, { id: 'long' });
    await started.promise;
    const first = await claimed();
    await until(async () => (await claimed()).getTime() > first.getTime() + claimMs);
    t.strictSame(calls, ['long'], 'no other replica took it over');
    finish.resolve();
    await until(async () => (await jobsOf('long-task')).length === 0);
    t.strictSame(calls, ['long']);
    t.notOk(replicas.some(({ lines }) => lines.some(({ msg }) => msg === 'stale job claims released')));
  });
});

t.test('given a worker that stops', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const started: PromiseWithResolvers<AbortSignal>[] = [];
  const nextStart = () => {
    const start = Promise.withResolvers<AbortSignal>();
    started.push(start);
    return start.promise;
  };

  await t.test('then a run that heeds its signal goes to another replica at once', async (t) => {
    const task = defineTask({
      name: 'heeding-task',
      schema: ID,
      run: async (_, { signal }) => {
        started.shift()?.resolve(signal);
        await once(signal, 'abort');
        signal.throwIfAborted();
      },
    });
    const first = createTestJobs(t, url, [task], { stopMs: 2_000 });
    const firstStart = nextStart();
    first.jobs.start();
    await enqueue(database, task, { id: 'a' }, { queue: 'serial' });
    const signal = await firstStart;
    const second = createTestJobs(t, url, [task], { stopMs: 2_000 });
    const secondStart = nextStart();
    second.jobs.start();
    await first.jobs.stop();
    t.ok(signal.aborted);
    t.notOk((await secondStart).aborted);
    const { rows } = await pool.query('SELECT attempts, last_error FROM graphile_worker.jobs');
    t.strictSame(rows, [{ attempts: 1, last_error: null }], 'an aborted run is not a failed attempt');
    await second.jobs.stop();
    await pool.query('DELETE FROM graphile_worker._private_jobs');
  });

  await t.test('then a run that ignores its signal is released at the deadline', async (t) => {
    const task = defineTask({
      name: 'deaf-task',
      schema: ID,
      run: async (_, { signal }) => {
        started.shift()?.resolve(signal);
        await new Promise(() => {});
      },
    });
    const { jobs, lines } = createTestJobs(t, url, [task], { stopMs: 300 });
    const start = nextStart();
    jobs.start();
    const id = await enqueue(database, task, { id: 'a' }, { queue: 'serial' });
    await start;
    await jobs.stop();
    const { rows } = await pool.query('SELECT attempts, locked_at, queue_name FROM graphile_worker.jobs');
    t.strictSame(rows, [{ attempts: 0, locked_at: null, queue_name: 'serial' }]);
    const queues = await pool.query('SELECT locked_at FROM graphile_worker._private_job_queues');
    t.ok(queues.rows.every((row) => row.locked_at === null));
    t.match(
      lines.find(({ msg }) => msg === 'unfinished jobs released'),
      { jobs: [id] },
    );
  });
});
