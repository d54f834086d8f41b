import OpenAI from 'openai';
import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

const simulator = await startProviderSimulator();
t.teardown(() => simulator.close());
t.beforeEach(() => simulator.witness.reset());

const clientOf = (provider: string, maxRetries = 0) =>
  new OpenAI({ baseURL: `${simulator.url}/${provider}/v1`, apiKey: 'sk-test', maxRetries, logLevel: 'off' });
const client = clientOf('openai');

const ask = (content: string, model = 'gpt-4o-mini') => ({
  model,
  messages: [{ role: 'user' as const, content }],
});
const simulate = (directives: string) => ({ headers: { 'x-simulate': directives } });

const weatherTool = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } },
      required: ['city', 'days'],
    },
  },
};

/** What an SDK's error must show; tap's types know the fields of `Error` only. */
const failure = (fields: object) => fields as Error;

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

t.test('answers a plain request, with usage that the witness agrees with', async (t) => {
  const completion = await client.chat.completions.create(ask('Tell me about tea gardens'), {
    headers: { 'x-inkmeter-call': 'call-1' },
  });
  t.match(completion.choices[0]?.message.content, /tea gardens/i);
  t.equal(completion.choices[0]?.finish_reason, 'stop');
  t.equal(completion.usage?.prompt_tokens, 5);
  const [call] = simulator.witness.calls({ correlation: 'call-1' });
  t.match(call, { id: completion.id, provider: 'openai', model: 'gpt-4o-mini', complete: true, status: 200 });
  t.equal(call?.usage.input, completion.usage?.prompt_tokens);
  t.equal(call?.usage.output, completion.usage?.completion_tokens);
});

t.test('streams role, content, finish and usage, and the same text as without streaming', async (t) => {
  const plain = await client.chat.completions.create(ask('Tell me about tea gardens'));
  const chunks = await collect(
    await client.chat.completions.create({
      ...ask('Tell me about tea gardens'),
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  t.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
  t.equal(
    chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''),
    plain.choices[0]?.message.content,
  );
  t.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop');
  t.strictSame(chunks.at(-1)?.choices, []);
  t.strictSame(chunks.at(-1)?.usage, plain.usage);
});

t.test('keeps to the cap, reasoning included, and says so', async (t) => {
  const short = await client.chat.completions.create({ ...ask('Write a blog article'), max_tokens: 20 });
  t.equal(short.usage?.completion_tokens, 20);
  t.equal(short.choices[0]?.finish_reason, 'length');

  const request = { ...ask('Write a blog article', 'o3'), max_completion_tokens: 60 };
  const reasoned = await client.chat.completions.create(request);
  t.equal(reasoned.usage?.completion_tokens, 60);
  t.equal(reasoned.usage?.completion_tokens_details?.reasoning_tokens, 30);
  await t.rejects(
    client.chat.completions.create({ ...ask('Hello', 'o3'), max_tokens: 60 }),
    failure({
      status: 400,
      code: 'unsupported_parameter',
    }),
  );
});

t.test('gives every choice its own text and counts them all', async (t) => {
  const completion = await client.chat.completions.create({ ...ask('Name a tea'), n: 3, max_tokens: 10 });
  t.strictSame(
    completion.choices.map(({ index }) => index),
    [0, 1, 2],
  );
  t.equal(completion.usage?.completion_tokens, 30);
  const chunks = await collect(
    await client.chat.completions.create({ ...ask('Name a tea'), n: 3, max_tokens: 10, stream: true }),
  );
  t.strictSame([...new Set(chunks.flatMap((chunk) => chunk.choices.map(({ index }) => index)))], [0, 1, 2]);
});

t.test('counts a long prompt as cached the second time', async (t) => {
  const request = ask(`Summarise this. ${'Tea grows on hills. '.repeat(300)}`);
  const first = await client.chat.completions.create(request);
  const second = await client.chat.completions.create(request);
  t.equal(first.usage?.prompt_tokens_details?.cached_tokens, 0);
  t.equal(second.usage?.prompt_tokens_details?.cached_tokens, 1024);
  t.equal(second.usage?.prompt_tokens, first.usage?.prompt_tokens);
});

t.test('xAI excludes reasoning from completion_tokens', async (t) => {
  const { usage } = await clientOf('xai').chat.completions.create(
    { ...ask('Hello', 'grok-3-mini'), max_tokens: 100 },
    simulate('fill,reasoning=40'),
  );
  t.match(usage, { completion_tokens: 60, completion_tokens_details: { reasoning_tokens: 40 } });
  t.equal(usage?.total_tokens, Number(usage?.prompt_tokens) + 100);
});

t.test('Mistral sends usage at the end of a stream unasked, Ollama asks for no key', async (t) => {
  const stream = await clientOf('mistral').chat.completions.create({ ...ask('Hello'), stream: true });
  t.ok((await collect(stream)).at(-1)?.usage);
  const response = await fetch(`${simulator.url}/ollama/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify(ask('Hello')),
  });
  t.equal(response.status, 200);
});

t.test('calls a tool, plain and streamed, then quotes its result', async (t) => {
  const question = { ...ask('Use get_weather for Oslo'), tools: [weatherTool] };
  const plain = await client.chat.completions.create(question);
  const call = plain.choices[0]?.message.tool_calls?.[0];
  t.equal(plain.choices[0]?.finish_reason, 'tool_calls');
  t.equal(call?.type === 'function' && call.function.name, 'get_weather');
  const given = call?.type === 'function' ? call.function.arguments : '';
  t.match(JSON.parse(given), { city: String, days: 2 });

  const streamed = client.chat.completions.stream({ ...question, tool_choice: 'required' });
  t.strictSame((await streamed.finalFunctionToolCall())?.arguments, given);

  const followUp = await client.chat.completions.create({
    ...question,
    messages: [
      ...question.messages,
      { role: 'assistant', tool_calls: plain.choices[0]?.message.tool_calls ?? [] },
      { role: 'tool', tool_call_id: call?.id ?? '', content: 'Rain, 7 degrees' },
    ],
  });
  t.match(followUp.choices[0]?.message.content, /Rain, 7 degrees/);
});

t.test('answers JSON that fits the schema', async (t) => {
  const schema = {
    type: 'object',
    properties: {
      title: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' }, minItems: 2 },
    },
    required: ['title', 'tags'],
  };
  const completion = await client.chat.completions.create({
    ...ask('An outline about tea gardens'),
    response_format: { type: 'json_schema', json_schema: { name: 'outline', schema } },
  });
  const answer = JSON.parse(completion.choices[0]?.message.content ?? '');
  t.equal(answer.title, 'tea gardens');
  t.equal(answer.tags.length, 2);

  const object = await client.chat.completions.create({
    ...ask('Answer in JSON'),
    response_format: { type: 'json_object' },
  });
  t.type(JSON.parse(object.choices[0]?.message.content ?? ''), 'object');
});

t.test('charges a fixed price for an image in the prompt', async (t) => {
  const content = [
    { type: 'text' as const, text: 'Look' },
    { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AAAA' } },
  ];
  const { usage } = await client.chat.completions.create({
    model: 'gpt-4o',
    messages: [{ role: 'user', content }],
  });
  t.equal(usage?.prompt_tokens, 766);
});

t.test('draws images, charged by the piece', async (t) => {
  const images = await client.images.generate({ model: 'gpt-image-1', prompt: 'A tea garden', n: 2 });
  t.equal(images.data?.length, 2);
  t.match(
    Buffer.from(images.data?.[0]?.b64_json ?? '', 'base64')
      .subarray(1, 4)
      .toString(),
    'PNG',
  );
  t.equal(simulator.witness.totals().providers.openai?.['gpt-image-1']?.usage.images, 2);
});

t.test('lists models', async (t) => {
  const models = await collect(clientOf('mistral').models.list());
  t.ok(models.some(({ id }) => id === 'mistral-small-latest'));
});

t.test('fails twice with 429 and then succeeds, within the retries of the SDK', async (t) => {
  const completion = await clientOf('openai', 2).chat.completions.create(
    ask('Hello [[simulate: 429x2, retry_after_ms=1]]'),
  );
  t.ok(completion.choices[0]?.message.content);
  t.strictSame(
    simulator.witness.calls().map(({ status }) => status),
    [429, 429, 200],
  );
});

t.test('refuses what asks for nothing, as OpenAI does', async (t) => {
  const call = { role: 'assistant' as const, content: 'Hi', tool_calls: [] };
  const rows: [param: string, more: object][] = [
    ['tools', { tools: [] }],
    ['tool_choice', { tool_choice: 'auto' }],
    ['parallel_tool_calls', { parallel_tool_calls: true }],
    ['metadata', { metadata: { a: 'b' } }],
    ['messages[1].tool_calls', { messages: [...ask('Hello').messages, call] }],
  ];
  for (const [param, more] of rows) {
    await t.rejects(
      client.chat.completions.create({ ...ask('Hello'), ...more }),
      failure({ status: 400, param }),
      param,
    );
  }
});

t.test('fails as each vendor does', async (t) => {
  await t.rejects(
    client.chat.completions.create(ask('Hello', 'gpt-4o#fault=status=503')),
    failure({
      status: 503,
      type: 'server_error',
    }),
  );
  await t.rejects(
    clientOf('xai').chat.completions.create(ask('Hello'), simulate('status=404')),
    failure({
      status: 404,
      error: /does not exist/,
    }),
  );
  await t.rejects(
    clientOf('mistral').chat.completions.create({ ...ask('Hello'), user: 'status=500' }),
    failure({
      status: 500,
    }),
  );
  await t.rejects(
    client.chat.completions.create({ model: 'gpt-4o', messages: [] }),
    failure({
      status: 400,
      param: 'messages',
    }),
  );
  const refused = new OpenAI({ baseURL: `${simulator.url}/openai/v1`, apiKey: 'sk-invalid', maxRetries: 0 });
  await t.rejects(
    refused.chat.completions.create(ask('Hello')),
    failure({ status: 401, code: 'invalid_api_key' }),
  );
});

t.test('breaks a stream off, and the witness knows how far it got', async (t) => {
  const stream = await client.chat.completions.create(
    { ...ask('Hello'), stream: true },
    simulate('tokens=100,chunks=10,cut=5'),
  );
  await t.rejects(collect(stream));
  await simulator.witness.ended(1);
  // the role, then four of ten pieces
  t.match(simulator.witness.calls(), [{ complete: false, status: 200, usage: { output: 40 } }]);
});

t.test('breaks a plain answer off in the middle of its body', async (t) => {
  await t.rejects(client.chat.completions.create(ask('Hello'), simulate('cut=1')));
  await simulator.witness.ended(1);
  t.match(simulator.witness.calls(), [{ complete: false }]);
});

t.test('answers with what is no JSON', async (t) => {
  await t.rejects(client.chat.completions.create(ask('Hello'), simulate('malformed')), SyntaxError);
  const stream = await client.chat.completions.create(
    { ...ask('Hello'), stream: true },
    simulate('malformed'),
  );
  await t.rejects(collect(stream), SyntaxError);
});

t.test('hangs until the client gives up', async (t) => {
  const abort = new AbortController();
  const waiting = client.chat.completions.create(ask('Hello'), { ...simulate('hang'), signal: abort.signal });
  const rejected = t.rejects(waiting, { message: 'Request was aborted.' });
  await simulator.witness.arrived(1);
  abort.abort();
  await rejected;
  await simulator.witness.ended(1);
  t.match(simulator.witness.calls()[0], { status: 0, complete: false, usage: { input: 0, output: 0 } });
});

t.test('counts what a client received before it left a slow stream', async (t) => {
  const stream = await client.chat.completions.create(
    { ...ask('Hello'), stream: true },
    simulate('tokens=1000,chunks=1000,chunk_delay=5'),
  );
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await simulator.witness.ended(1);
  const [call] = simulator.witness.calls();
  t.equal(call?.complete, false);
  const output = call?.usage.output ?? 0;
  t.ok(output >= 1 && output < 1000, `${output} tokens`);
});

t.test('reports the usage that a directive asks for', async (t) => {
  const usageOf = async (directives: string, cap: number | null = 50) =>
    (await client.chat.completions.create({ ...ask('Hello'), max_tokens: cap }, simulate(directives))).usage;
  t.match(await usageOf('fill'), { completion_tokens: 50 });
  t.match(await usageOf('tokens=7'), { completion_tokens: 7 });
  t.match(await usageOf('tokens=700'), { completion_tokens: 50 });
  t.match(await usageOf('overrun=5'), { completion_tokens: 55 });
  t.match(await usageOf('fill_input=9000,cached=1000'), {
    prompt_tokens: 9000,
    prompt_tokens_details: { cached_tokens: 1000 },
  });
  t.match(await usageOf('reasoning=10,tokens=30'), {
    completion_tokens: 30,
    completion_tokens_details: { reasoning_tokens: 10 },
  });
  t.equal(await usageOf('no_usage'), undefined);
});

t.test('stops at the content filter', async (t) => {
  const completion = await client.chat.completions.create(ask('Hello'), simulate('moderated'));
  t.equal(completion.choices[0]?.finish_reason, 'content_filter');
});
