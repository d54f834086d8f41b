/** Content is written although a provider is down, and the model that answered is priced and shown. */
import t from 'tap';
import type { ContentInputs } from '#libs/contracts/content-inputs.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import type { GenerationView } from '#libs/contracts/generations.ts';
import { SEARCH_PROVIDERS } from '#libs/contracts/search.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { planContent } from '#libs/pipelines/content/plan.ts';
import { withSafetyCall } from '#libs/pipelines/safety.ts';
import { request } from '#libs/testing/http.ts';
import { createTestGeneration, priceOf } from '../fixtures.ts';
import { jobClient, MODEL, MODERATION, searchModel } from './jobs.fixture.ts';

// Nothing listens there: OpenAI and Tavily are down for all of the tests.
const generation = await createTestGeneration(t, {
  OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
  TAVILY_BASE_URL: 'http://127.0.0.1:9',
  MODERATION_OUTAGE: 'refuse',
});
const { pool, simulator } = generation;
const client = jobClient(generation);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const GEMINI = { ...MODEL, provider: 'gemini', model: 'gemini-2.0-flash', upstreamModel: 'gemini-2.0-flash' };
const models = [MODEL, GEMINI].map((model) => ({ model, price: priceOf(model.provider, model.model) }));

async function submit(
  topic: string,
  chain = models,
  types = ['blog'],
  inputs: ContentInputs = {},
): Promise<string> {
  const asked = { topic, content_types: types, length: 600, ...(inputs.research && { research: true }) };
  const body = generateRequest.parse(asked);
  const [first] = chain;
  if (first === undefined) throw new Error('There is no model.');
  const plan = planContent({
    ...first,
    ...{ kind: 'job', request: body, outputTokensCap: null, inputs },
    searchModels: SEARCH_PROVIDERS.map(searchModel),
    models: { writer: chain, fast: chain },
  });
  const { requestId, headers } = await generation.admit(plan, { ttlMs: 600_000 });
  const answer = await request<GenerationView>(generation.workUrl, { headers, body: { ...body, inputs } });
  t.equal(answer.status, 202);
  return requestId;
}

t.test('given a provider that is down, then the fallback writes, and is priced and shown', async (t) => {
  const ids = await Promise.all(['nibs', 'ink', 'paper'].map((topic) => submit(topic)));
  await Promise.all(ids.map((id) => client.finish(id)));
  for (const id of ids) {
    const job = await client.get(id);
    t.match(job, { status: 'completed', percent: 100 });
    t.ok(
      job.steps.every(({ model }) => model === GEMINI.model),
      'each step shows the model that answered',
    );
    const rows = await generation.rows(id);
    t.equal(rows.length, job.steps.length, 'one row for each step');
    t.ok(rows.every(({ provider, status }) => provider === 'gemini' && status === 'ok'));
    t.ok(rows.every(({ meters }) => meters.includes('calls.gemini') && !meters.includes('calls.openai')));
    t.equal(await generation.holdState(id), 'closed');
  }
  t.ok(simulator.witness.calls().every(({ provider }) => provider === 'gemini'));
  t.strictSame(await findBreaches(pool), []);
});

t.test('given a search provider that is down, then the next one is asked, priced and shown', async (t) => {
  const inputs = { research: ['tavily'], research_fallbacks: ['exa', 'serper'] };
  const id = await submit('nib grades', models, ['social'], inputs);
  t.match((await client.finish(id)).at(-1), { event: 'completed' });
  const { steps } = await client.get(id);
  t.match(steps, [
    { step: 'research.tavily', model: 'exa_search', usage: { cost_usd: '0.003000000' }, warnings: [] },
    { step: 'social.write' },
  ]);
  const rows = await generation.rows(id);
  t.match(rows, [{ step: 'research.tavily', provider: 'exa', cost_nano_usd: 3_000_000n }, { status: 'ok' }]);
  t.ok(rows[0]?.meters.includes('calls.exa') && !rows[0].meters.includes('calls.tavily'));
  t.equal(await generation.holdState(id), 'closed');
  t.strictSame(await findBreaches(pool), []);
});

t.test(
  'given no search provider that answers, then nothing is written, and a retry is possible',
  async (t) => {
    const id = await submit('nib sizes', models, ['social'], { research: ['tavily'] });
    await client.finish(id);
    const job = await client.get(id);
    t.match(job, { status: 'failed', error: { code: 'provider_error', step: 'research.tavily' } });
    t.match(job.steps, [{ status: 'failed' }, { step: 'social.write', status: 'skipped' }]);
    t.equal(job.usage.cost_usd, '0.000000000');
    t.equal(await generation.holdState(id), 'closed');
  },
);

t.test(
  'given a moderation that is down and texts that need it, then nothing is written or held',
  async (t) => {
    const body = generateRequest.parse({ topic: 'nib care', content_types: ['social'] });
    const plan = planContent({
      ...(models[1] as (typeof models)[number]),
      ...{ kind: 'job', request: body, outputTokensCap: null },
    });
    const { requestId, headers } = await generation.admit(withSafetyCall(plan, MODERATION), {
      ttlMs: 600_000,
    });
    const answer = await request(generation.workUrl, { headers, body });
    t.match(answer, { status: 502, body: { code: 'provider_error' } });
    t.match(await generation.rows(requestId), [{ step: 'safety', status: 'error', cost_nano_usd: 0n }]);
    t.equal(await generation.holdState(requestId), 'closed');
  },
);

t.test('given an emergency stop of the fallback, then it is not called', async (t) => {
  const before = simulator.witness.calls().length;
  const stopId = '0190a1b2-0000-7000-8000-00000000d001';
  const stop = { id: stopId, kind: 'provider', target: 'gemini', reason: 'A test.', author: 'test' } as const;
  await generation.ledger.stop(stop);
  const id = await submit('blotters');
  await client.finish(id);
  t.match(await client.get(id), { status: 'failed', error: { code: 'emergency_stop' } });
  t.equal(simulator.witness.calls().length, before);
  await generation.ledger.liftStop({ id: stopId, author: 'test' });
});

t.test(
  'given a provider that is down for a minute, then its step waits, and only its answer is settled',
  async (t) => {
    const before = simulator.witness.calls().length;
    const id = await submit('seals [[simulate: 503x7]]', models.slice(1), ['social']);
    t.match((await client.finish(id)).at(-1), { event: 'completed' });
    t.match(await generation.rows(id), [{ step: 'social.write', status: 'ok', provider: 'gemini' }]);
    t.equal(simulator.witness.calls().length - before, 8, 'three attempts, put off, three, put off, and two');
    t.equal(await generation.holdState(id), 'closed');
  },
);

t.test('given a model without fallback, then its failure is the answer', async (t) => {
  const id = await submit('caps', models.slice(0, 1));
  await client.finish(id);
  t.match(await client.get(id), { status: 'failed', error: { code: 'provider_error' } });
});
