/** Content jobs: what runs when, what is paid, and what their owners see. */
import t from 'tap';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { otherLanguageOf } from '#libs/pipelines/content/written-language.ts';
import { checkEmitted } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { jobClient, spentBy } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const { pool, ledger, simulator } = generation;
const client = jobClient(generation);
const spent = spentBy(pool);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const POSTS = { topic: 'fountain pens', content_types: ['social'] };
const OTHER_CALLER = { ...CALLER, accountId: OTHER_ACCOUNT };

const openGate = (name: string) => fetch(`${simulator.url}/release?name=${name}`, { method: 'POST' });

t.test('given a job, when it is followed, then its events and documents are complete', async (t) => {
  const { requestId: id } = await client.submit({
    ...POSTS,
    topic: 'Sähköautot talvella',
    content_types: ['blog', 'social', 'seo'],
  });
  const events = await client.finish(id);
  t.match(events[0], { event: 'status', data: { status: 'queued', percent: 0 } });
  t.match(
    events.find(({ event }) => event === 'step'),
    { data: { step: 'blog.outline', message: 'Suunnitellaan artikkelia' } },
  );
  t.match(events.at(-1), {
    event: 'completed',
    data: { percent: 100, usage: { cost_usd: await spent([id]) } },
  });
  const percents = events.flatMap(({ data }) => (typeof data.percent === 'number' ? [data.percent] : []));
  t.strictSame(
    percents,
    percents.toSorted((one, other) => one - other),
    'percent never falls',
  );
  t.same(
    events
      .filter(({ event }) => event === 'document')
      .map(({ data }) => data.content_type)
      .sort(),
    ['blog', 'seo', 'social'],
  );

  const middle = events[Math.floor(events.length / 2)];
  const rest: number[] = [];
  for await (const event of client.follow(id, middle?.id)) rest.push(event.id);
  t.strictSame(
    rest,
    events.filter((event) => event.id > (middle?.id ?? 0)).map((event) => event.id),
    'resumed',
  );

  const job = await client.get(id);
  t.match(job, { status: 'completed', language: 'fi', words: 800, usage: { cost_usd: await spent([id]) } });
  t.ok(job.parts.every(({ status, document_id: document }) => status === 'completed' && document !== null));
  t.equal(await generation.holdState(id), 'closed');
});

t.test(
  'given a step that fails, then other parts are delivered, and a retry pays only the rest',
  async (t) => {
    const body = {
      topic: 'fountain pens',
      content_types: ['blog', 'social'],
      length: 600,
      call_to_action: 'Buy [[simulate: until=edit]]',
    };
    const { requestId: id } = await client.submit(body);
    for await (const { event, data } of client.follow(id)) {
      if (event !== 'step' || data.step !== 'blog.edit' || data.status !== 'running') continue;
      await ledger.stop({ id, kind: 'account', target: ACCOUNT, reason: 'test', author: ACCOUNT });
      break;
    }
    const events = await client.finish(id);
    t.match(events.at(-1), {
      event: 'failed',
      data: { error: { code: 'emergency_stop', step: 'blog.edit' } },
    });
    await ledger.liftStop({ id, author: ACCOUNT });
    const failed = await client.get(id);
    t.match(
      failed.steps.find(({ step }) => step === 'social.write'),
      { status: 'skipped' },
    );
    t.equal(failed.usage.cost_usd, await spent([id]), 'the figures are those of the ledger');

    t.match((await client.call('POST', `/api/generations/${id}/cancel`)).status, 409);
    const done = failed.steps.filter(({ status }) => status === 'succeeded').map(({ step }) => step);
    t.same(done.sort(), [
      'blog.metadata',
      'blog.outline',
      'blog.section.1',
      'blog.section.2',
      'blog.section.3',
    ]);
    await openGate('edit');
    const retry = await client.submit(body, { resume: id, done });
    t.match(retry, { status: 202, body: { id, status: 'queued' } });
    t.match((await client.finish(id)).at(-1), { event: 'completed' });
    t.strictSame(
      (await generation.rows(retry.requestId)).map(({ step }) => step),
      ['blog.edit', 'social.write'],
    );
    t.equal((await client.get(id)).usage.cost_usd, await spent([id, retry.requestId]));
    const again = await client.submit(body, { resume: id, done });
    t.match(again, { status: 409, body: { code: 'conflict' } });
    t.equal(await generation.holdState(again.requestId), 'closed');
  },
);

t.test(
  'given answers in another language, then each is repaired once, and one that stays wrong is marked',
  async (t) => {
    const submit = (mode: string) =>
      client.submit({
        topic: `Pióra wieczne [[simulate: wrong_language=${mode}]]`,
        content_types: ['social'],
        language: 'pl',
      });
    const [once, always] = await Promise.all([submit('once'), submit('always')]);
    const textOf = async ({ requestId }: { requestId: string }) => {
      const chunks = (await client.finish(requestId)).filter(({ event }) => event === 'content');
      return chunks.map(({ data }) => data.chunk).join('');
    };
    t.equal(otherLanguageOf(await textOf(once), 'en'), 'pl', 'the repaired posts are in Polish');
    t.equal(otherLanguageOf(await textOf(always), 'pl'), 'en');
    t.match(await client.get(once.requestId), { status: 'completed', steps: [{ warnings: [] }] });
    const warnings = ['The text is in English. Write all of it in Polish.'];
    t.match(await client.get(always.requestId), { status: 'completed', steps: [{ warnings }] });
    for (const { requestId: id } of [once, always]) {
      const rows = await generation.rows(id);
      t.strictSame(
        rows.map(({ step, status }) => [step, status]),
        [
          ['social.write', 'ok'],
          ['social.write#2', 'ok'],
        ],
      );
      t.equal((await client.get(id)).usage.cost_usd, await spent([id]), 'both calls are paid');
      t.equal(await generation.holdState(id), 'closed');
    }
  },
);

t.test(
  'given a job that runs, when it is cancelled, then its call is aborted and its hold released',
  async (t) => {
    simulator.witness.reset();
    const { requestId: id } = await client.submit({ ...POSTS, topic: 'rivers [[simulate: chunk_delay=40]]' });
    await simulator.witness.arrived(1);
    t.match(await client.call('POST', `/api/generations/${id}/cancel`), {
      status: 200,
      body: { status: 'cancelled' },
    });
    t.match((await client.finish(id)).at(-1), { event: 'cancelled' });
    await simulator.witness.ended(1);
    t.match(simulator.witness.calls(), [{ complete: false }]);
    t.match(await generation.rows(id), [{ status: 'aborted', error_code: 'client_closed_request' }]);
    t.equal(await generation.holdState(id), 'closed');
    t.equal((await client.get(id)).usage.cost_usd, await spent([id]));
    t.match(await client.call('DELETE', `/api/generations/${id}`), { status: 204 });
    t.match(await client.call('GET', `/api/generations/${id}`), { status: 404 });
  },
);

t.test(
  'given a job at half of its way, when it is cancelled, then the ledger has what ran and no more',
  async (t) => {
    simulator.witness.reset();
    const before = await generation.counters();
    const body = { topic: 'brooks [[simulate: until=half,pass=4]]', length: 600 };
    const { requestId: id } = await client.submit(body, { terms: { maxParallel: 1, priority: 0 } });
    await simulator.witness.arrived(5);
    const { percent } = await client.get(id);
    t.equal(percent, 52);
    t.match(await client.call('POST', `/api/generations/${id}/cancel`), {
      body: { status: 'cancelled', percent },
    });
    t.match((await client.finish(id)).at(-1), {
      event: 'cancelled',
      data: { usage: { cost_usd: await spent([id]) } },
    });
    await simulator.witness.ended(5);
    const rows = await generation.rows(id);
    t.strictSame(
      rows.map(({ step, status }) => [step, status]),
      [
        ['blog.outline', 'ok'],
        ...[1, 2, 3].map((number) => [`blog.section.${number}`, 'ok']),
        ['blog.metadata', 'aborted'],
      ],
    );
    t.notOk(rows.some(({ meters }) => meters.includes('gen.blog')));
    t.equal(await generation.holdState(id), 'closed');
    const charged = simulator.witness
      .calls()
      .map(({ usage: { input, cacheRead, output } }) => input * 1_000 + cacheRead * 100 + output * 2_000);
    t.strictSame(
      rows.slice(0, 4).map(({ cost_nano_usd: cost }) => Number(cost)),
      charged.slice(0, 4),
      'the ledger has what the provider charges',
    );
    const after = await generation.counters();
    const total = rows.reduce((sum, { cost_nano_usd: cost }) => sum + cost, 0n);
    t.equal((after.cost?.used ?? 0n) - (before.cost?.used ?? 0n), total, 'and the balance has no more');
    t.equal(after.cost?.held, before.cost?.held);
    const job = await client.get(id);
    t.match(job, { status: 'cancelled', usage: { cost_usd: await spent([id]) } });
    t.strictSame(
      job.steps.map(({ status }) => status),
      ['succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed', 'skipped'],
    );
    await openGate('half');
    t.equal(simulator.witness.calls().length, 5, 'no further call begins');
  },
);

t.test('given a hold of which no job comes, then it expires as soon as that of any request', async (t) => {
  const expiresIn = async (id: string) => {
    const { rows } = await pool.query(
      'SELECT extract(epoch FROM expires_at - created_at)::integer AS seconds FROM ledger_holds WHERE id = $1',
      [id],
    );
    return rows[0].seconds;
  };
  let ttlBefore = 0;
  const accepted = await client.submit(POSTS, {
    whenHeld: async (id) => {
      ttlBefore = await expiresIn(id);
    },
  });
  t.equal(ttlBefore, 600, 'until generation accepts the job');
  const ttl = await expiresIn(accepted.requestId);
  t.ok(ttl >= 86_400 && ttl < 86_460, `${ttl} s from then on`);
  const { rows } = await pool.query('SELECT hold_expires_at FROM generations WHERE id = $1', [
    accepted.requestId,
  ]);
  const [hold] = (await pool.query('SELECT expires_at FROM ledger_holds WHERE id = $1', [accepted.requestId]))
    .rows;
  t.strictSame(rows[0].hold_expires_at, hold.expires_at, 'the job knows it');
  await client.call('POST', `/api/generations/${accepted.requestId}/cancel`);

  const late = await client.submit(POSTS, {
    whenHeld: async (id) => {
      await pool.query('UPDATE ledger_open_holds SET expires_at = now() WHERE id = $1', [id]);
      t.match(await ledger.expire(1), [{ id, settledCalls: [] }]);
    },
  });
  t.match(late, { status: 503, body: { code: 'service_unavailable' } });
  t.equal((await client.call('GET', `/api/generations/${late.requestId}`)).status, 404);
  t.strictSame(await generation.rows(late.requestId), [], 'nothing was sent');
  t.strictSame(await findBreaches(pool, [ACCOUNT]), []);
});

t.test('given another account, then a job does not exist for it', async (t) => {
  const { requestId: id } = await client.submit(POSTS);
  await client.finish(id);
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/events'],
    ['POST', '/cancel'],
    ['DELETE', ''],
  ] as const) {
    const answer = await client.call(method, `/api/generations/${id}${path}`, OTHER_CALLER);
    t.match(answer, { status: 404, body: { code: 'not_found' } }, `${method} ${path}`);
  }
  const mine = await client.call<{ data: { id: string }[] }>(
    'GET',
    '/api/generations?limit=2&status=completed',
  );
  t.equal(mine.body.data.length, 2);
  const theirs = await client.call<{ data: { id: string }[] }>(
    'GET',
    '/api/generations?content_type=blog',
    OTHER_CALLER,
  );
  t.strictSame(theirs.body.data, []);
  t.match(await client.submit({ content_types: ['social'], document_id: id }), { status: 404 });
  t.strictSame(await findBreaches(pool), []);
});

t.test('given all these jobs, then their events have the data that webhooks are promised', async () => {
  const { rows } = await pool.query('SELECT type, payload FROM outbox_events');
  checkEmitted(rows, [
    ...(['generation.created', 'generation.step_finished'] as const),
    ...(['generation.completed', 'generation.failed'] as const),
  ]);
});
