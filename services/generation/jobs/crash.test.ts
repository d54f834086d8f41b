/** The process that runs a job is killed: nothing is paid twice, and nothing that was paid is lost. */
import t from 'tap';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { ACCOUNT, createTestGeneration } from '../fixtures.ts';
import { RUN_STEP } from './domain/job.ts';
import { type JobEvent, jobClient, startProcess } from './jobs.fixture.ts';

const BLOG_STEPS = [
  'blog.outline',
  ...['blog.section.1', 'blog.section.2', 'blog.section.3'],
  'blog.metadata',
  'blog.edit',
];

/** Steps that run although another one has failed: they do not need it. */
const INDEPENDENT: Readonly<Record<string, string[]>> = {
  'blog.section.2': ['blog.section.3', 'blog.metadata'],
  'blog.edit': [],
};

for (const killedIn of [3, 6]) {
  t.test(
    `given a job of six steps, when its process is killed in step ${killedIn}, then it continues elsewhere`,
    async (t) => {
      const generation = await createTestGeneration(t);
      const { simulator, databaseUrl, tasks, pool } = generation;
      const client = jobClient(generation);
      const worker = await startProcess(t, generation);
      const gate = `[[simulate: until=crash,pass=${killedIn - 1}]]`;
      const body = { topic: `rivers ${gate}`, length: 600 };
      const terms = { maxParallel: 1, priority: 0 };
      const { requestId: id } = await client.submit(body, { terms });
      const killed = BLOG_STEPS[killedIn - 1] ?? '';
      const seen: JobEvent[] = [];
      for await (const event of worker.client.follow(id)) {
        seen.push(event);
        if (event.data.step === killed) break;
      }
      await simulator.witness.arrived(killedIn);
      await worker.kill();
      t.match(seen.slice(0, 2), [
        { event: 'status', data: { status: 'queued', percent: 0 } },
        { event: 'step', data: { step: 'blog.outline', message: 'Planning the article' } },
      ]);
      const finished = BLOG_STEPS.slice(0, killedIn - 1);
      const stepsOf = async (holdId: string) => (await generation.rows(holdId)).map(({ step }) => step);
      t.same((await stepsOf(id)).sort(), finished.toSorted(), 'what had ended is paid');
      t.match((await client.get(id)).status, 'running');

      await fetch(`${simulator.url}/release?name=crash`, { method: 'POST' });
      createTestJobs(t, databaseUrl, tasks, { claimMs: 500 }).jobs.start();
      const rest = await Array.fromAsync(client.follow(id, seen.at(-1)?.id));
      const events = await client.finish(id);
      t.strictSame([...seen, ...rest], events, 'followed in another process from the last event on');
      t.match(events.at(-1), {
        event: 'failed',
        data: { error: { code: 'outcome_unknown', step: killed } },
      });
      const rows = await generation.rows(id);
      const independent = INDEPENDENT[killed] ?? [];
      t.same(rows.map(({ step }) => step).sort(), [...finished, killed, ...independent].sort(), 'each once');
      t.match(
        rows.find(({ step }) => step === killed),
        { status: 'error', usage_source: 'bound', error_code: 'outcome_unknown' },
      );
      t.notOk(
        rows.some(({ meters }) => meters.includes('gen.blog')),
        'no article was delivered',
      );
      t.equal(simulator.witness.calls().length, rows.length, 'no call is sent twice');
      t.equal(await generation.holdState(id), 'closed');
      t.equal((await generation.counters()).cost?.held, 0n);

      const done = rows.filter(({ status }) => status === 'ok').map(({ step }) => step);
      const retry = await client.submit(body, { resume: id, done, terms });
      t.match((await client.finish(id)).at(-1), { event: 'completed', data: { percent: 100 } });
      t.strictSame(
        await stepsOf(retry.requestId),
        BLOG_STEPS.filter((step) => !done.includes(step)),
        'only what was missing',
      );
      const { rows: documents } = await pool.query(
        'SELECT count(*)::integer AS n FROM documents WHERE account_id = $1',
        [ACCOUNT],
      );
      t.equal(documents[0].n, 1);
    },
  );
}

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

t.test('given a service that stops during a call without a second one, then another is used', async (t) => {
  const generation = await createTestGeneration(t);
  const { simulator } = generation;
  const client = jobClient(generation);
  const task = generation.tasks.find(({ name }) => name === RUN_STEP);
  const run = async (generationId: string, step: string, signal: AbortSignal) =>
    task?.run({ generationId, step, accountId: ACCOUNT }, { signal, logger: generation.logger });
  const running = new AbortController().signal;
  const release = (name: string) => fetch(`${simulator.url}/release?name=${name}`, { method: 'POST' });
  const stopDuring = async (id: string, step: string, calls: number) => {
    const stopping = new AbortController();
    const stopped = run(id, step, stopping.signal);
    await simulator.witness.arrived(calls);
    stopping.abort();
    return stopped;
  };
  const stepOf = async (id: string, key: string) =>
    (await client.get(id)).steps.find(({ step }) => step === key);
  const terms = { maxParallel: 8, priority: 0 };

  const article = { topic: 'rivers [[simulate: until=section,pass=1]]', length: 400 };
  const { requestId: id } = await client.submit(article, { terms });
  await run(id, 'blog.outline', running);
  await t.rejects(stopDuring(id, 'blog.section.1', 2), { name: 'StepHandedOver' });
  t.match(await stepOf(id, 'blog.section.1'), { status: 'queued' });
  await release('section');
  await run(id, 'blog.section.1', running);
  t.match(await stepOf(id, 'blog.section.1'), {
    status: 'succeeded',
    warnings: [/paid for and made again/],
  });
  t.strictSame(
    (await generation.rows(id)).map(({ step, status, call_index: index }) => [step, status, index]),
    [
      ['blog.outline', 'ok', 0],
      ['blog.section.1', 'ok', 1],
      ['blog.section.1', 'aborted', 2],
    ].toSorted((one, other) => Number(one[2]) - Number(other[2])),
    'the second call of the outline, which was not needed, pays for it',
  );

  const short = { topic: 'brooks [[simulate: until=short]]', length: 300 };
  const { requestId: alone } = await client.submit(short, { terms, budget: 'tiny' });
  simulator.witness.reset();
  await stopDuring(alone, 'blog.write', 1);
  t.match(await client.get(alone), {
    status: 'failed',
    error: { code: 'service_unavailable', detail: /Retry the job/ },
  });
  t.match(await generation.rows(alone), [{ status: 'aborted' }]);
  t.equal(await generation.holdState(alone), 'closed');

  const { requestId: gone } = await client.submit({ topic: 'creeks', length: 300 }, { terms });
  // Handed over in the moment in which its job was cancelled.
  await generation.pool.query(`UPDATE generations SET status = 'cancelled' WHERE id = $1`, [gone]);
  await run(gone, 'blog.write', running);
  t.match(await client.get(gone), { status: 'cancelled', steps: [{ status: 'failed' }] });
  t.strictSame(await generation.rows(gone), [], 'nothing is sent for a job that was cancelled');
  t.equal(await generation.holdState(gone), 'closed');
});
