import t from 'tap';
import { generateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { parseSse } from '#libs/http/sse-parser.ts';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { planContent } from '#libs/pipelines/content/plan.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { request } from '#libs/testing/http.ts';
import {
  ACCOUNT,
  createTestGeneration,
  type HeldRequest,
  MODELS,
  priceOf,
  type TestProvider,
  type UsageRow,
} from '../fixtures.ts';

const generation = await createTestGeneration(t, { PROVIDER_IDLE_TIMEOUT: '5s' });
const { url, simulator, ledger } = generation;
const route = generation.workUrl;
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 16 }).jobs.start();

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;
type Event = { event: string; data: Answer };

function planFor(
  provider: TestProvider,
  body: object,
  more: Partial<ModelInfo['capabilities']> = {},
): CallPlan {
  const model = MODELS[provider];
  const info: ModelInfo = {
    provider,
    model,
    aliases: [],
    upstreamModel: model,
    kind: 'text',
    contextWindow: 128_000,
    maxOutputTokens: 8_192,
    maxImageInputTokens: 0,
    tokenizer: null,
    capabilities: {
      vision: false,
      tools: false,
      jsonSchema: true,
      reasoning: false,
      streaming: true,
      ...more,
    },
  };
  const asked = generateRequest.parse(body);
  const price = priceOf(provider, model);
  return planContent({ kind: 'generate', request: asked, model: info, price, outputTokensCap: null });
}

async function* eventsOf(
  { headers }: HeldRequest,
  body: object,
  signal?: AbortSignal,
): AsyncGenerator<Event> {
  const response = await fetch(route, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  t.match(response.headers.get('content-type'), /^text\/event-stream/);
  for await (const { event, data } of parseSse(response.body as AsyncIterable<Uint8Array>)) {
    yield { event, data: JSON.parse(data) };
  }
}

async function allEvents(admitted: HeldRequest, body: object): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of eventsOf(admitted, body)) events.push(event);
  return events;
}

const BOTH = {
  topic: 'fountain pens',
  content_types: ['blog', 'social'],
  tone: 'friendly',
  audience: 'students',
};

const SECTIONS = [1, 2, 3, 4].map((number) => `blog.section.${number}`);
const STEPS = ['blog.outline', ...SECTIONS, 'blog.metadata', 'blog.edit', 'social.write'];

const sum = (rows: UsageRow[]) => rows.reduce((total, row) => total + row.cost_nano_usd, 0n);
const usd = (nano: bigint) => `0.${nano.toString().padStart(9, '0')}`;

for (const provider of ['openai', 'anthropic', 'gemini'] as const) {
  t.test(
    `given a blog and posts of ${provider}, when requested as events, then each step is reported`,
    async (t) => {
      const admitted = await generation.admit(planFor(provider, BOTH));
      const events = await allEvents(admitted, BOTH);
      const statuses = events.filter(({ event }) => event === 'status').map(({ data }) => data);
      t.same(statuses.map(({ step }) => step).sort(), STEPS.toSorted());
      t.match(statuses[0], { step: 'blog.outline', message: 'Planning the article', progress: 0 });
      t.match(
        statuses.find(({ step }) => step === 'blog.section.2'),
        { message: 'Writing section 2', progress: Number },
      );
      const { data: complete } = events.at(-1) ?? {};
      t.equal(events.at(-1)?.event, 'complete');
      t.match(complete, {
        content: /^# .*fountain pens/i,
        social_media_content: /LinkedIn[\s\S]*#/,
        audio_content: null,
        video_content: null,
        topic: 'fountain pens',
        generated_at: /^\d{4}-.*Z$/,
        cached: false,
      });
      for (const [type, whole] of [
        ['blog', complete.content],
        ['social', complete.social_media_content],
      ]) {
        const chunks = events.filter(({ event, data }) => event === 'content' && data.content_type === type);
        t.ok(chunks.length > 3, 'as it is written');
        t.ok(chunks.every(({ data }) => Number.isInteger(data.progress)));
        t.equal(chunks.map(({ data }) => data.chunk).join(''), whole, 'the chunks are the whole');
      }
      const progress = events
        .filter(({ data }) => data.progress !== undefined)
        .map(({ data }) => data.progress);
      t.strictSame(
        progress,
        [...progress].sort((a, b) => a - b),
        'progress never goes back',
      );

      const rows = await generation.rows(admitted.requestId);
      t.strictSame(
        rows.map(({ step, status, usage_source }) => [step, status, usage_source]),
        STEPS.map((step) => [step, 'ok', 'provider']),
      );
      t.equal(complete.usage.cost_usd, usd(sum(rows)));
      t.equal(await generation.holdState(admitted.requestId), 'closed');
      const { calls } = planFor(provider, BOTH);
      for (const row of rows) {
        const call = calls[row.call_index] as PlannedCall;
        t.ok((row.input_tokens ?? 0) <= call.inputTokens, 'within the planned bound');
        t.ok((row.output_tokens ?? 0) <= call.outputTokens);
        t.notOk(row.overrun);
      }
      const countedBy = (meter: string) => rows.filter(({ meters }) => meters.includes(meter));
      t.match(countedBy('gen.blog'), [{ step: 'blog.edit' }], 'an article counts once, when it is finished');
      t.match(countedBy('gen.social'), [{ step: 'social.write' }]);
    },
  );
}

t.test('given a client that wants JSON, then it gets what events would have ended with', async (t) => {
  const body = { topic: 'rivers' };
  const { requestId, headers } = await generation.admit(planFor('openai', body));
  const accept = 'application/json';
  const answer = await request<Answer>(route, { headers: { ...headers, accept }, body });
  t.equal(answer.status, 200);
  t.match(answer.body, { content: /^# /, social_media_content: null, topic: 'rivers', cached: false });
  const rows = await generation.rows(requestId);
  t.equal(rows.length, 7);
  t.match(answer.body.usage, { cost_usd: usd(sum(rows)), tokens: Number, budget_state: 'ok' });
  t.equal(answer.headers.get('x-inkmeter-cost-nano-usd'), sum(rows).toString());
  t.equal(answer.headers.get('x-inkmeter-tokens'), String(answer.body.usage.tokens));
});

t.test('given a reasoning model, then it is asked to think little', async (t) => {
  const body = { topic: 'rivers' };
  const plan = planFor('openai', body, { reasoning: true });
  const calls = plan.calls.map((call) => ({ ...call, upstreamModel: 'gpt-5' }));
  const { requestId, headers } = await generation.admit({ ...plan, calls });
  const accept = 'application/json';
  t.equal((await request(route, { headers: { ...headers, accept }, body })).status, 200);
  t.ok((await generation.rows(requestId)).every(({ reasoning_tokens }) => (reasoning_tokens ?? 0) > 0));
});

t.test('given a step that fails, then what was done is paid for and the rest is released', async (t) => {
  for (const accept of ['text/event-stream', 'application/json']) {
    const body = { topic: 'rivers [[simulate: status=400]]' };
    const plan = planFor('openai', body);
    const admitted = await generation.admit(plan);
    if (accept === 'application/json') {
      const answer = await request<Answer>(route, { headers: { ...admitted.headers, accept }, body });
      t.equal(answer.status, 400);
      t.match(answer.body, { code: 'invalid_request', request_id: admitted.requestId });
    } else {
      const last = (await allEvents(admitted, body)).at(-1);
      t.match(last, { event: 'error', data: { code: 'invalid_request', status: 400, title: String } });
    }
    const rows = await generation.rows(admitted.requestId);
    t.match(rows, [{ step: 'blog.outline', status: 'error', cost_nano_usd: 0n }]);
    t.equal(await generation.holdState(admitted.requestId), 'closed');
  }
});

t.test('given a client that disconnects, then no further step begins', async (t) => {
  simulator.witness.reset();
  const body = { ...BOTH, topic: 'rivers [[simulate: chunk_delay=30]]' };
  const admitted = await generation.admit(planFor('openai', body));
  const controller = new AbortController();
  const reading = (async () => {
    for await (const { event } of eventsOf(admitted, body, controller.signal)) {
      if (event === 'content') controller.abort();
    }
  })();
  await t.rejects(reading);
  t.equal(await generation.holdState(admitted.requestId), 'closed');
  const rows = await generation.rows(admitted.requestId);
  const writing = rows.filter(({ step }) => step !== 'blog.metadata');
  t.strictSame(
    writing.map(({ step, status }) => [step, status]),
    ['blog.outline', ...SECTIONS, 'blog.edit'].map((step) => [step, step === 'blog.edit' ? 'aborted' : 'ok']),
  );
  t.notOk(writing[5]?.meters.includes('gen.blog'), 'an article that was not finished is not counted');
});

t.test('given an emergency stop in the middle, then the events say so', async (t) => {
  const body = { ...BOTH, topic: 'rivers [[simulate: chunk_delay=30]]' };
  const admitted = await generation.admit(planFor('openai', body));
  const events: Event[] = [];
  let stopId: string | undefined;
  for await (const event of eventsOf(admitted, body)) {
    events.push(event);
    if (event.event !== 'content' || stopId !== undefined) continue;
    stopId = admitted.requestId;
    await ledger.stop({ id: stopId, kind: 'account', target: ACCOUNT, reason: 'test', author: ACCOUNT });
  }
  t.match(events.at(-1), { event: 'error', data: { code: 'emergency_stop', status: 503 } });
  await ledger.liftStop({ id: stopId ?? '', author: ACCOUNT });
  t.equal(await generation.holdState(admitted.requestId), 'closed');
});

t.test('given an answer to be kept, then the work goes on without its client', async (t) => {
  for (const accept of ['text/event-stream', 'application/json']) {
    simulator.witness.reset();
    const body = { ...BOTH, topic: 'rivers' };
    const { requestId, headers } = await generation.admit(planFor('openai', body), { storeResponse: true });
    const controller = new AbortController();
    const pending = request(route, { headers: { ...headers, accept }, body, signal: controller.signal });
    await simulator.witness.arrived(1);
    controller.abort();
    await t.rejects(pending);
    t.equal(await generation.holdState(requestId), 'closed');
    const rows = await generation.rows(requestId);
    t.equal(rows.length, STEPS.length);
    let kept: Answer;
    await until(async () => {
      const path = `/internal/results/${requestId}`;
      kept = (await request<Answer>(url + path, { headers: generation.sign(path) })).body;
      return kept.state === 'done';
    });
    t.match(kept, { state: 'done', status: 200 });
    t.equal(kept.headers['x-inkmeter-cost-usd'], usd(sum(rows)), 'with the whole cost');
    const text = Buffer.from(kept.body_base64, 'base64').toString();
    const complete =
      accept === 'application/json'
        ? text
        : (text.split('\n\n').at(-2) ?? '').replace(/^event: complete\ndata: /, '');
    t.match(JSON.parse(complete), { content: /^# /, usage: { cost_usd: usd(sum(rows)) } });
  }
});

t.test('given a process that dies before it stores the response, then a repeat finds the job', async (t) => {
  for (const accept of ['text/event-stream', 'application/json']) {
    const body = { topic: 'rivers', length: 300 };
    const { requestId, headers } = await generation.admit(planFor('openai', body), { storeResponse: true });
    const first = await fetch(route, {
      method: 'POST',
      headers: { ...headers, accept },
      body: JSON.stringify(body),
    });
    const sent = await first.text();
    const path = `/internal/results/${requestId}`;
    const read = async () => (await request<Answer>(url + path, { headers: generation.sign(path) })).body;
    const stored = await read();
    // The crash: the job is paid and complete, its response was not stored, and the lease of the process has passed.
    await generation.pool.query(
      `UPDATE generation_results SET state = 'running', status = NULL, headers = NULL, body = NULL, lease_until = now()
        WHERE request_id = $1`,
      [requestId],
    );
    const recovered = await read();
    t.match(recovered, { state: 'done', status: 200, headers: stored.headers });
    const text = Buffer.from(recovered.body_base64, 'base64').toString();
    const withoutTime = (value: string) => value.replace(/"generated_at":"[^"]+"/, '');
    t.equal(withoutTime(text), withoutTime(sent), 'the response that was sent');

    await generation.pool.query(
      `UPDATE generations SET status = 'running', finished_at = NULL WHERE id = $1`,
      [requestId],
    );
    t.match(await read(), { state: 'running' }, 'another process still runs it');
    await generation.pool.query('DELETE FROM generations WHERE id = $1', [requestId]);
    t.match(await read(), { state: 'unknown' });
  }
});

t.test('given a request that is not as planned, then it is refused', async (t) => {
  const chatBody = { topic: 'x' };
  const plan = planFor('openai', chatBody);
  const accept = 'application/json';
  for (const [wrong, body, status] of [
    [plan, { topic: '' }, 400],
    [plan, { topic: 'x', unknown: 1 }, 400],
    [plan, { topic: 'x'.repeat(500) }, 500],
    [{ ...plan, kind: 'chat' as const }, chatBody, 400],
  ] as const) {
    const { requestId, headers } = await generation.admit(wrong);
    const answer = await request<Answer>(route, { headers: { ...headers, accept }, body });
    t.equal(answer.status, status);
    t.equal(await generation.holdState(requestId), 'closed');
    t.equal((await generation.rows(requestId)).length, 0, 'nothing was called');
  }
});
