import Anthropic from '@anthropic-ai/sdk';
import t from 'tap';
import { startProviderSimulator } from './provider-simulator.ts';

const simulator = await startProviderSimulator();
t.teardown(() => simulator.close());
t.beforeEach(() => simulator.witness.reset());

const clientOf = (maxRetries = 0, apiKey = 'sk-test') =>
  new Anthropic({ baseURL: `${simulator.url}/anthropic`, apiKey, maxRetries, logLevel: 'off' });
const client = clientOf();

const ask = (content: string) => ({
  model: 'claude-haiku-5-5',
  max_tokens: 500,
  messages: [{ role: 'user' as const, content }],
});
const simulate = (directives: string) => ({ headers: { 'x-simulate': directives } });

/** What an SDK's error must show; tap's types know the fields of `Error` only. */
const failure = (fields: object) => fields as Error;

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const weatherTool: Anthropic.Tool = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

t.test('answers a plain request, with usage that the witness agrees with', async (t) => {
  const message = await client.messages.create(ask('Tell me about tea gardens'));
  t.match(message.content, [{ type: 'text', text: /tea gardens/i }]);
  t.equal(message.stop_reason, 'end_turn');
  t.match(simulator.witness.calls(), [
    {
      id: message.id,
      provider: 'anthropic',
      complete: true,
      usage: { input: message.usage.input_tokens, output: message.usage.output_tokens },
    },
  ]);
});

t.test('streams the same message', async (t) => {
  const plain = await client.messages.create(ask('Tell me about tea gardens'));
  const streamed = await client.messages.stream(ask('Tell me about tea gardens')).finalMessage();
  t.strictSame(streamed.content, plain.content);
  t.strictSame(streamed.usage, plain.usage);
  const events = await collect(await client.messages.create({ ...ask('Hello'), stream: true }));
  const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
  t.strictSame(types, [
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
});

t.test('cuts at the cap', async (t) => {
  const message = await client.messages.create({ ...ask('Write a blog article'), max_tokens: 20 });
  t.equal(message.stop_reason, 'max_tokens');
  t.equal(message.usage.output_tokens, 20);
});

t.test('writes a marked prompt to the cache and reads it from there', async (t) => {
  const request = {
    ...ask('Summarise this'),
    system: [
      {
        type: 'text' as const,
        text: 'Tea grows on hills. '.repeat(300),
        cache_control: { type: 'ephemeral' as const },
      },
    ],
  };
  const first = await client.messages.create(request);
  const second = await client.messages.create(request);
  t.match(first.usage, {
    input_tokens: 3,
    cache_creation_input_tokens: 1199,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 1199, ephemeral_1h_input_tokens: 0 },
  });
  t.match(second.usage, { input_tokens: 3, cache_creation_input_tokens: 0, cache_read_input_tokens: 1199 });
  t.match(simulator.witness.totals().all.usage, { input: 6, cacheWrite: 1199, cacheRead: 1199 });
});

t.test('thinks when asked to, inside output_tokens', async (t) => {
  const request = {
    ...ask('Hello'),
    max_tokens: 2000,
    thinking: { type: 'enabled' as const, budget_tokens: 1024 },
  };
  const plain = await client.messages.create(request, simulate('reasoning=100,tokens=150'));
  t.match(plain.content, [{ type: 'thinking' }, { type: 'text' }]);
  t.match(plain.usage, { output_tokens: 150, output_tokens_details: { thinking_tokens: 100 } });
  const streamed = await client.messages.stream(request, simulate('reasoning=100,tokens=150')).finalMessage();
  t.strictSame(streamed.content, plain.content);
  t.match(simulator.witness.calls()[1], { usage: { reasoning: 100, output: 50 } });
});

t.test('calls a tool, plain and streamed, then quotes its result', async (t) => {
  const question = { ...ask('Use get_weather for Oslo'), tools: [weatherTool] };
  const plain = await client.messages.create(question);
  t.equal(plain.stop_reason, 'tool_use');
  t.match(plain.content, [{ type: 'tool_use', name: 'get_weather', input: { city: String } }]);
  const forced = { ...question, tool_choice: { type: 'any' as const } };
  const streamed = await client.messages.stream(forced).finalMessage();
  t.match(streamed.content, [{ type: 'tool_use', input: { city: String } }]);

  const [use] = plain.content;
  const followUp = await client.messages.create({
    ...question,
    messages: [
      ...question.messages,
      { role: 'assistant', content: plain.content },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: use?.type === 'tool_use' ? use.id : '',
            content: 'Rain, 7 degrees',
          },
        ],
      },
    ],
  });
  t.match(followUp.content, [{ type: 'text', text: /Rain, 7 degrees/ }]);
});

t.test('charges a fixed price for an image in the prompt', async (t) => {
  const source = { type: 'base64' as const, media_type: 'image/png' as const, data: 'AAAA' };
  const content = [
    { type: 'text' as const, text: 'Look' },
    { type: 'image' as const, source },
  ];
  const { usage } = await client.messages.create({ ...ask(''), messages: [{ role: 'user', content }] });
  t.equal(usage.input_tokens, 1501);
});

t.test('fails twice with 529 and then succeeds, within the retries of the SDK', async (t) => {
  await clientOf(2).messages.create(ask('Hello'), simulate('529x2,id=overload,retry_after_ms=1'));
  t.strictSame(
    simulator.witness.calls().map(({ status }) => status),
    [529, 529, 200],
  );
});

t.test('fails as the vendor does', async (t) => {
  const failing = (status: number) =>
    client.messages.create({ ...ask('Hello'), metadata: { user_id: `status=${status}` } });
  await t.rejects(failing(529), failure({ status: 529, type: 'overloaded_error' }));
  await t.rejects(failing(500), failure({ status: 500, type: 'api_error' }));
  await t.rejects(failing(429), failure({ status: 429, type: 'rate_limit_error' }));
  await t.rejects(
    clientOf(0, 'sk-invalid').messages.create(ask('Hello')),
    failure({
      status: 401,
      type: 'authentication_error',
    }),
  );
  await t.rejects(
    client.messages.create({ ...ask('Hello'), messages: [] }),
    failure({
      status: 400,
      type: 'invalid_request_error',
    }),
  );
});

t.test('breaks a stream off, sends what is no JSON, hangs', async (t) => {
  const stream = (directives: string) =>
    client.messages.create({ ...ask('Hello'), stream: true }, simulate(directives)).then(collect);
  await t.rejects(stream('cut=4'));
  await t.rejects(stream('malformed'), SyntaxError);
  await t.rejects(client.messages.create(ask('Hello'), simulate('malformed')), SyntaxError);

  const abort = new AbortController();
  const hanging = client.messages.create(ask('Hello'), { ...simulate('hang'), signal: abort.signal });
  const rejected = t.rejects(hanging, { message: 'Request was aborted.' });
  await simulator.witness.arrived(4);
  abort.abort();
  await rejected;
});

t.test('refuses what is moderated', async (t) => {
  const message = await client.messages.create(ask('Hello'), simulate('moderated'));
  t.equal(message.stop_reason, 'refusal');
});
