import t from 'tap';
import { request } from '#libs/testing/http.ts';
import {
  chatPlan,
  createTestGeneration,
  MODELS,
  PRICES,
  type TestProvider,
  type UsageRow,
} from '../fixtures.ts';
import { PIXEL } from '../providers/fixtures.ts';

const generation = await createTestGeneration(t);
const { simulator } = generation;
const route = generation.workUrl;

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests are about
type Answer = any;

const chat = (content: string, more: object = {}) => ({
  model: 'gpt-4o',
  messages: [{ role: 'user', content }],
  ...more,
});

function costOf(row: UsageRow): bigint {
  const pico =
    BigInt(row.input_tokens ?? 0) * PRICES.input +
    BigInt(row.cache_read_tokens ?? 0) * PRICES.cache_read +
    BigInt(row.output_tokens ?? 0) * PRICES.output +
    BigInt(row.reasoning_tokens ?? 0) * PRICES.reasoning;
  return (pico + 999n) / 1000n;
}

const tokensOf = (row: UsageRow) =>
  (row.input_tokens ?? 0) +
  (row.cache_read_tokens ?? 0) +
  (row.output_tokens ?? 0) +
  (row.reasoning_tokens ?? 0);

async function onlyRow(requestId: string): Promise<UsageRow> {
  const rows = await generation.rows(requestId);
  t.equal(rows.length, 1, 'one call, one row');
  return rows[0] as UsageRow;
}

for (const provider of Object.keys(MODELS) as TestProvider[]) {
  t.test(
    `given ${provider}, when a chat is requested, then it is answered, settled and reported`,
    async (t) => {
      const { requestId, headers } = await generation.admit(chatPlan(provider));
      const answer = await request<Answer>(route, { headers, body: chat('Tell me about rivers') });
      t.equal(answer.status, 200);
      t.match(answer.body.choices[0].message, { role: 'assistant', content: /\w/ });
      const row = await onlyRow(requestId);
      t.match(row, {
        status: 'ok',
        usage_source: 'provider',
        attempts: 1,
        provider,
        step: 'chat',
        error_code: null,
      });
      t.equal(row.cost_nano_usd, costOf(row));
      t.equal(answer.headers.get('x-inkmeter-cost-nano-usd'), row.cost_nano_usd.toString());
      t.equal(answer.headers.get('x-inkmeter-tokens'), String(tokensOf(row)));
      t.equal(answer.headers.get('x-inkmeter-budget-state'), 'ok');
      t.equal(answer.headers.get('x-inkmeter-outcome'), 'ok');
      const { prompt_tokens, completion_tokens } = answer.body.usage;
      t.ok(row.request_bytes > 0 && row.response_bytes > 0);
      t.equal(prompt_tokens, (row.input_tokens ?? 0) + (row.cache_read_tokens ?? 0));
      t.equal(completion_tokens, (row.output_tokens ?? 0) + (row.reasoning_tokens ?? 0));
      t.equal(await generation.holdState(requestId), 'closed');
      const [seen] = simulator.witness.calls({ correlation: `${requestId}/0` });
      t.match(
        seen?.usage,
        { input: row.input_tokens, output: row.output_tokens },
        'the provider saw the same',
      );
    },
  );

  t.test(`given ${provider}, when it streams, then the call is settled before the end`, async (t) => {
    const { requestId, headers } = await generation.admit(chatPlan(provider));
    const body = chat('Tell me about lakes', { stream: true, stream_options: { include_usage: true } });
    const answer = await request<string>(route, { headers, body });
    t.equal(answer.status, 200);
    t.match(answer.headers.get('content-type'), /^text\/event-stream/);
    const events = answer.body.split('\n\n').filter(Boolean);
    const row = await onlyRow(requestId);
    t.match(row, { status: 'ok', usage_source: 'provider', first_byte_ms: Number });
    t.equal(row.cost_nano_usd, costOf(row));
    t.equal(events.at(-1), 'data: [DONE]');
    t.strictSame(JSON.parse((events.at(-2) ?? '').replace(': inkmeter ', '')), {
      cost_usd: `0.${row.cost_nano_usd.toString().padStart(9, '0')}`,
      tokens: tokensOf(row),
      budget_state: 'ok',
    });
    const chunks = events.filter((e) => e.startsWith('data: {')).map((e) => JSON.parse(e.slice(6)));
    t.match(chunks.at(-1), { choices: [], usage: { total_tokens: tokensOf(row) } });
    t.equal(await generation.holdState(requestId), 'closed');
  });
}

t.test('given a stream without include_usage, then usage is counted but not sent', async (t) => {
  for (const provider of ['openai', 'mistral', 'anthropic', 'gemini'] as const) {
    const { requestId, headers } = await generation.admit(chatPlan(provider));
    const { body } = await request<string>(route, { headers, body: chat('Lakes', { stream: true }) });
    t.notMatch(body, /"usage":\{/, provider);
    t.match(body, /data: \[DONE\]\n\n$/);
    t.equal((await onlyRow(requestId)).usage_source, 'provider');
  }
});

t.test('given the whole cap is used, then what is settled is what was held', async (t) => {
  for (const provider of ['openai', 'anthropic', 'gemini'] as const) {
    const before = await generation.counters();
    const { requestId, headers } = await generation.admit(chatPlan(provider, { inputTokens: 77 }));
    await request(route, { headers, body: chat('[[simulate: fill,fill_input=77]]') });
    const row = await onlyRow(requestId);
    t.match(row, { input_tokens: 77, output_tokens: 60, overrun: false });
    const after = await generation.counters();
    t.equal((after.cost?.used ?? 0n) - (before.cost?.used ?? 0n), row.cost_nano_usd);
    t.equal(after.cost?.held, 0n);
  }
});

t.test('given a provider that exceeds the cap, then the usage row says so', async (t) => {
  const { requestId, headers } = await generation.admit(chatPlan());
  const answer = await request(route, { headers, body: chat('[[simulate: overrun=1000]]') });
  t.equal(answer.status, 200);
  t.match(await onlyRow(requestId), { output_tokens: 1_060, overrun: true, status: 'ok' });
  t.ok(generation.lines.some(({ msg }) => msg === 'usage above hold'));
});

t.test('given a provider that reports no usage, then it is counted, never free', async (t) => {
  for (const provider of ['openai', 'mistral', 'anthropic', 'gemini'] as const) {
    for (const stream of [false, true]) {
      const { requestId, headers } = await generation.admit(chatPlan(provider));
      const body = chat('Rivers [[simulate: no_usage]]', { stream });
      t.equal((await request(route, { headers, body })).status, 200);
      const row = await onlyRow(requestId);
      t.equal(
        row.usage_source,
        provider === 'openai' ? 'counted' : 'estimated',
        `${provider}, stream ${stream}`,
      );
      t.ok(
        (row.input_tokens ?? 0) > 80 && (row.input_tokens ?? 0) < 120,
        'counted, and not the 500 of the plan',
      );
      t.ok((row.output_tokens ?? 0) > 5 && (row.output_tokens ?? 0) <= 60);
    }
  }
});

t.test('given the client’s own cap, model and count, then those that were held are sent', async (t) => {
  const plan = chatPlan('openai', {
    model: 'our-gpt',
    upstreamModel: 'gpt-4o',
    outputTokens: 20,
    choices: 2,
  });
  const { requestId, headers } = await generation.admit(plan);
  const body = chat('Rivers [[simulate: fill]]', {
    model: 'any-model',
    max_tokens: 9_000,
    max_completion_tokens: 9_000,
    n: 7,
    fit_budget: true,
    allow_degraded: true,
  });
  const answer = await request<Answer>(route, { headers, body });
  t.equal(answer.body.model, 'our-gpt', 'answers carry the name the client knows');
  t.equal(answer.body.choices.length, 2);
  t.equal((await onlyRow(requestId)).output_tokens, 40);
});

t.test('given tools, a schema and an image, then they pass on every path', async (t) => {
  const tools = [
    {
      type: 'function',
      function: {
        name: 'find_river',
        parameters: { type: 'object', properties: { name: { type: 'string' } } },
      },
    },
  ];
  const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
  const picture = [
    { type: 'text', text: 'What is in this picture?' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
  ];
  for (const provider of ['openai', 'anthropic', 'gemini'] as const) {
    const ask = async (body: object) => {
      const { headers } = await generation.admit(chatPlan(provider, { inputTokens: 5_000 }));
      const answer = await request<Answer>(route, { headers, body });
      t.equal(answer.status, 200, `${provider} ${JSON.stringify(answer.body).slice(0, 200)}`);
      return answer.body;
    };
    const called = await ask(chat('Please find_river', { tools, tool_choice: 'required' }));
    t.match(called.choices[0].message.tool_calls, [{ type: 'function', function: { name: 'find_river' } }]);
    const json = await ask(
      chat('A title', { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }),
    );
    t.match(JSON.parse(json.choices[0].message.content), { title: String });
    const seen = await ask({ model: 'x', messages: [{ role: 'user', content: picture }] });
    t.ok(seen.usage.prompt_tokens > 200, 'the image was read');
  }
});
