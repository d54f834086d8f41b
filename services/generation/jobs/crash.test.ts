/** The process that runs a job is killed: nothing is paid twice, and nothing that was paid is lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { ACCOUNT, createTestGeneration } from '../fixtures.ts';
import { RUN_STEP } from './domain/job.ts';
import { jobClient } from './jobs.fixture.ts';

t.test(
  'given a job, when its process is killed in the middle of a step, then it continues elsewhere',
  async (t) => {
    const generation = await createTestGeneration(t);
    const { simulator, databaseUrl, tasks, pool } = generation;
    const client = jobClient(generation);
    const program = 'services/generation/jobs/worker.fixture.ts';
    const worker = spawn(process.execPath, [program, databaseUrl, simulator.url], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    t.teardown(() => worker.kill('SIGKILL'));
    const body = { topic: 'rivers', length: 600, call_to_action: 'Read on [[simulate: until=crash]]' };
    const terms = { maxParallel: 1, priority: 0 };
    const { requestId: id } = await client.submit({ ...body, content_types: ['blog', 'social'] }, { terms });
    for await (const { event, data } of client.follow(id)) {
      if (event === 'step' && data.step === 'blog.edit' && data.status === 'running') break;
    }
    await simulator.witness.arrived(6);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const paid = await generation.rows(id);
    t.equal(paid.length, 5, 'five of seven steps had ended');

    createTestJobs(t, databaseUrl, tasks, { claimMs: 500 }).jobs.start();
    const events = await client.finish(id);
    t.match(events.at(-1), {
      event: 'failed',
      data: { error: { code: 'outcome_unknown', step: 'blog.edit' } },
    });
    const [lost, ...others] = (await generation.rows(id)).slice(5);
    t.match(lost, {
      step: 'blog.edit',
      status: 'error',
      usage_source: 'bound',
      error_code: 'outcome_unknown',
    });
    t.notOk(lost?.meters.includes('gen.blog'), 'no article was delivered');
    t.strictSame(others, []);
    t.equal(await generation.holdState(id), 'closed');
    t.equal((await generation.counters()).cost?.held, 0n);

    await fetch(`${simulator.url}/release?name=crash`, { method: 'POST' });
    const done = paid.map(({ step }) => step);
    const retry = await client.submit(
      { ...body, content_types: ['blog', 'social'] },
      { resume: id, done, terms },
    );
    t.match((await client.finish(id)).at(-1), { event: 'completed', data: { percent: 100 } });
    const steps = (await generation.rows(retry.requestId)).map(({ step }) => step);
    t.strictSame(steps, ['blog.edit', 'social.write'], 'only what was missing');
    const { rows } = await pool.query(`SELECT count(*)::integer AS n FROM documents WHERE account_id = $1`, [
      ACCOUNT,
    ]);
    t.equal(rows[0].n, 2);
  },
);

t.test(
  'given a service that stops, then its steps continue elsewhere, and nothing is paid twice',
  async (t) => {
    const generation = await createTestGeneration(t);
    const client = jobClient(generation);
    const task = generation.tasks.find(({ name }) => name === RUN_STEP);
    const run = async (generationId: string, step: string, signal: AbortSignal) =>
      task?.run({ generationId, step, accountId: ACCOUNT }, { signal, logger: generation.logger });
    const running = new AbortController().signal;
    const body = { topic: 'rivers', length: 400, call_to_action: 'Read [[simulate: chunk_delay=40]]' };
    const { requestId: id } = await client.submit(body, { terms: { maxParallel: 8, priority: 0 } });
    const statusOf = async (key: string) =>
      (await client.get(id)).steps.find(({ step }) => step === key)?.status;

    await t.rejects(run(id, 'blog.outline', AbortSignal.abort()), { name: 'StepHandedOver' });
    t.equal(await statusOf('blog.outline'), 'queued');
    t.strictSame(await generation.rows(id), [], 'nothing was sent');
    for (const key of ['outline', 'section.1', 'section.2', 'section.3', 'metadata'])
      await run(id, `blog.${key}`, running);

    const stopping = new AbortController();
    const edit = run(id, 'blog.edit', stopping.signal);
    let arrived = '';
    for await (const { event, data } of client.follow(id)) {
      if (event === 'content') arrived += data.chunk;
      if (arrived.length > 1_000) break;
    }
    stopping.abort();
    await t.rejects(edit, { name: 'StepHandedOver' });
    t.equal(await statusOf('blog.edit'), 'queued');
    const before = await generation.rows(id);
    t.match(before.at(-1), { step: 'blog.edit', status: 'aborted', error_code: 'service_unavailable' });

    await run(id, 'blog.edit', running);
    t.match((await client.get(id)).error, null);
    t.match(await client.get(id), { status: 'completed', percent: 100 });
    const rows = await generation.rows(id);
    t.strictSame(
      rows.slice(before.length).map(({ step, status }) => [step, status]),
      [['blog.edit#2', 'ok']],
      'the text that had arrived is continued',
    );
    t.equal(await generation.holdState(id), 'closed');
  },
);
