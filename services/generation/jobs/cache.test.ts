/** The content cache: equal requests are written once, also across processes, and what copies cost is exact. */
import t from 'tap';
import type { CacheTerms } from '#libs/contracts/generation-requests.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { ACCOUNT, CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { jobClient, startProcess } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const { pool, simulator, metrics } = generation;
const client = jobClient(generation);
// Two workers, as two processes have them.
for (const _process of [1, 2])
  createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const CACHE: CacheTerms = {
  owner: `account ${ACCOUNT}`,
  ttlMs: 3_600_000,
  hitCostNanoUsd: '0',
  countHits: false,
  refresh: false,
};
const submit = (body: object, cache: Partial<CacheTerms> = {}, caller = CALLER) =>
  client.submit(body, { terms: { maxParallel: 8, priority: 0, cache: { ...CACHE, ...cache } }, caller });

/**
 * Sends requests at the same time, once all of them are held: a hold fails if others keep its account locked for long, and
 * the gateway's client would repeat it.
 */
function submitTogether(topics: readonly string[], senders = [client]) {
  const allHeld = Promise.withResolvers<void>();
  let held = 0;
  const whenHeld = () => {
    held += 1;
    if (held === topics.length) allHeld.resolve();
    return allHeld.promise;
  };
  const options = { terms: { maxParallel: 8, priority: 0, cache: CACHE }, whenHeld };
  return Promise.all(
    topics.map((topic, index) =>
      (senders[index % senders.length] as typeof client).submit(posts(topic), options),
    ),
  );
}

const posts = (topic: string) => ({ topic, content_types: ['social'] });
const callsSince = (before: number) => simulator.witness.calls().length - before;
const openGate = (name: string) => fetch(`${simulator.url}/release?name=${name}`, { method: 'POST' });

async function outcomes(): Promise<Record<string, number>> {
  const metric = await metrics.registry.getSingleMetric('inkmeter_content_cache_total')?.get();
  return Object.fromEntries(metric?.values.map(({ labels, value }) => [labels.outcome, value]) ?? []);
}

t.test(
  'given ten equal requests at once, then one provider call is made and ten jobs complete',
  async (t) => {
    const before = simulator.witness.calls().length;
    const topic = 'fountain pens [[simulate: until=ten]]';
    const jobs = await submitTogether(Array.from({ length: 10 }, () => topic));
    await openGate('ten');
    const events = await Promise.all(jobs.map(({ requestId }) => client.finish(requestId)));
    t.equal(callsSince(before), 1);
    const views = await Promise.all(jobs.map(({ requestId }) => client.get(requestId)));
    t.ok(views.every(({ status, percent }) => status === 'completed' && percent === 100));
    t.equal(views.filter(({ cached }) => cached).length, 9);
    const documents = views.map(({ parts: [part] }) => part?.document_id);
    t.equal(new Set(documents).size, 10, 'each job has documents of its own');
    for (const [index, list] of events.entries()) {
      t.match(list.at(-1), { event: 'completed', data: { usage: views[index]?.usage } });
      t.ok(list.some(({ event }) => event === 'content'));
    }
    const paid = views.filter(({ usage }) => usage.cost_usd !== '0.000000000');
    t.equal(paid.length, 1);
    const { rows } = await pool.query(
      `SELECT provider, count(*)::integer AS n, sum(cost_nano_usd)::bigint AS cost FROM usage_events GROUP BY provider ORDER BY 1`,
    );
    t.match(rows, [
      { provider: 'cache', n: 9, cost: 0n },
      { provider: 'openai', n: 1 },
    ]);
    t.strictSame(await outcomes(), { miss: 1, shared: 9 });
    for (const { requestId } of jobs) t.equal(await generation.holdState(requestId), 'closed');
  },
);

t.test('given ten equal requests at once to two processes, then one provider call is made', async (t) => {
  const shared = await createTestGeneration(t);
  const { simulator: provider, pool: database } = shared;
  const processes = await Promise.all([startProcess(t, shared), startProcess(t, shared)]);
  const topics = Array.from({ length: 10 }, () => 'blotters [[simulate: until=both]]');
  const jobs = await submitTogether(
    topics,
    processes.map((one) => one.client),
  );
  t.ok(jobs.every(({ status }) => status === 202));
  await fetch(`${provider.url}/release?name=both`, { method: 'POST' });
  const { get, finish } = jobClient(shared);
  await Promise.all(jobs.map(({ requestId }) => finish(requestId)));
  t.equal(provider.witness.calls().length, 1);
  const views = await Promise.all(jobs.map(({ requestId }) => get(requestId)));
  t.ok(views.every(({ status }) => status === 'completed'));
  t.equal(views.filter(({ cached }) => cached).length, 9);
  const { rows } = await database.query(
    `SELECT provider, count(*)::integer AS n, min(step) AS step FROM usage_events GROUP BY provider ORDER BY 1`,
  );
  t.strictSame(rows, [
    { provider: 'cache', n: 9, step: 'cache' },
    { provider: 'openai', n: 1, step: 'social.write' },
  ]);
  t.strictSame(await findBreaches(database), []);
});

t.test('given a finished result, then equal requests complete at once and others are written', async (t) => {
  const first = await submit(posts('nibs'));
  await client.finish(first.requestId);
  const before = simulator.witness.calls().length;
  const hit = await submit(posts('  nibs '));
  t.match(hit, { status: 202, body: { status: 'completed', cached: true, percent: 100 } });
  t.equal(callsSince(before), 0);
  const text = async (id: string) =>
    (await client.finish(id)).filter(({ event }) => event === 'content').map(({ data }) => data.chunk);
  t.same((await text(hit.requestId)).join(''), (await text(first.requestId)).join(''));

  const others: [string, () => ReturnType<typeof submit>][] = [
    ['another topic', () => submit(posts('nib'))],
    ['no-cache', () => submit(posts('nibs'), { refresh: true })],
    ['too old', () => submit(posts('nibs'), { ttlMs: 0 })],
    ['another owner', () => submit(posts('nibs'), { owner: 'account x' })],
    ['another tone', () => submit({ ...posts('nibs'), tone: 'dry' })],
  ];
  for (const [why, send] of others) {
    const { body, requestId } = await send();
    t.match(body, { cached: false }, why);
    await client.finish(requestId);
    t.match(await client.get(requestId), { status: 'completed', cached: false }, why);
  }
  t.equal(callsSince(before), 5);

  await pool.query('DELETE FROM documents');
  t.match((await submit(posts('nibs'))).body, { cached: false }, 'deleted documents are not shared');
});

t.test('given many requests of one account that hit and miss at once, then all complete', async (t) => {
  const topics = Array.from({ length: 40 }, (_, index) => `subject ${index % 5}`);
  const jobs = await submitTogether(topics);
  t.ok(jobs.every(({ status }) => status === 202));
  await Promise.all(jobs.map(({ requestId }) => client.finish(requestId)));
  const again = await submitTogether(topics);
  t.ok(again.every(({ status, body }) => status === 202 && body.cached));
});

t.test('given that copies have a price, then they cost it, and count if the catalogue says so', async (t) => {
  const blog = { topic: 'blotting paper', length: 300 };
  const terms = { owner: 'plan test pro', hitCostNanoUsd: '1500000', countHits: true };
  await client.finish((await submit(blog, terms)).requestId);
  const other = { ...CALLER, accountId: OTHER_ACCOUNT };
  const hit = await submit(blog, terms, other);
  t.match(hit.body, { cached: true, usage: { cost_usd: '0.001500000', tokens: 0 } }, 'across accounts');
  const [row] = await generation.rows(hit.requestId);
  const amounts = Object.fromEntries(row?.meters.map((meter, index) => [meter, row.amounts[index]]) ?? []);
  t.match(amounts, { cost: 1_500_000n, 'api.requests': 1n, 'gen.blog': 1n });
  t.match(row, { step: 'cache', status: 'ok', cost_nano_usd: 1_500_000n });
  const seen = await client.call('GET', `/api/generations/${hit.requestId}`, CALLER);
  t.equal(seen.status, 404, 'the copy belongs to its account');
});

t.test('given that the job that writes is cancelled, then one that waits writes instead', async (t) => {
  const before = simulator.witness.calls().length;
  const topic = posts('inkwells [[simulate: until=cancelled]]');
  const writer = await submit(topic);
  const waiting = [await submit(topic), await submit(topic)];
  const gone = await submit(topic);
  await client.call('POST', `/api/generations/${gone.requestId}/cancel`);
  await client.call('POST', `/api/generations/${writer.requestId}/cancel`);
  await openGate('cancelled');
  await Promise.all(waiting.map(({ requestId }) => client.finish(requestId)));
  const views = await Promise.all(waiting.map(({ requestId }) => client.get(requestId)));
  t.same(views.map(({ status, cached }) => [status, cached]).sort(), [
    ['completed', false],
    ['completed', true],
  ]);
  t.match(await client.get(gone.requestId), { status: 'cancelled', cached: false });
  t.ok(callsSince(before) <= 2);
  t.strictSame(await findBreaches(pool), []);
});
