/** The providers with a format of their own, against the simulator. */
import t from 'tap';
import { Agent } from 'undici';
import { startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import type { NormalisedChat } from './domain/provider-adapter.ts';
import { callContext, chatWith, chunksIn, providerError, providersAt, readStream, TOOL } from './fixtures.ts';

const simulator = await startProviderSimulator();
const dispatcher = new Agent();
t.teardown(async () => {
  await dispatcher.destroy();
  await simulator.close();
});

const models = { anthropic: 'claude-sonnet-4-5', gemini: 'gemini-2.5-flash' };
const sourceAt = (provider: keyof typeof models, url: string) =>
  providersAt(provider, url, dispatcher).forChat(provider).source;

for (const provider of ['anthropic', 'gemini'] as const) {
  const adapter = sourceAt(provider, `${simulator.url}/${provider}`);
  const chat = (content: string, body: object = {}, more: Partial<NormalisedChat> = {}) =>
    chatWith(
      { messages: [{ role: 'user', content }], ...body },
      { upstreamModel: models[provider], ...more },
    );

  t.test(`given ${provider}, a plain chat answers in OpenAI's shape`, async (t) => {
    const context = callContext();
    const { completion, units } = await adapter.chat(
      chat('Tell me about rivers [[simulate: cached=6,reasoning=20,fill]]'),
      context,
    );
    t.match(completion, {
      id: String,
      object: 'chat.completion',
      created: Math.floor(createFakeRuntime().clock.now().getTime() / 1000),
      model: 'our-model',
      choices: [{ index: 0, message: { role: 'assistant', content: /\w/ }, finish_reason: 'length' }],
      usage: {
        completion_tokens: 100,
        prompt_tokens_details: { cached_tokens: 6 },
        completion_tokens_details: { reasoning_tokens: 20 },
      },
    });
    t.match(units, { cache_read: 6, output: 80, reasoning: 20 });
    t.equal(
      completion.usage?.total_tokens,
      (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
    );
    t.ok(context.trace.requestBytes > 50);
    if (provider === 'anthropic') t.match(context.trace.providerRequestId, /^req_/);
  });

  t.test(`given ${provider}, a stream says what the plain answer says`, async (t) => {
    const request = chat('Tell me about lakes', {}, { outputTokens: 60 });
    const plain = await adapter.chat(request, callContext());
    const streamed = await readStream(adapter, request);
    t.equal(streamed.error, undefined);
    t.equal(streamed.text, plain.completion.choices[0]?.message.content);
    t.strictSame(streamed.usage, { units: plain.units, final: true });
    t.match(streamed.chunks[0]?.choices[0]?.delta, { role: 'assistant' });
    t.equal(new Set(streamed.chunks.map(({ id }) => id)).size, 1, 'one id');
    const finishes = streamed.chunks.flatMap(({ choices }) => choices.flatMap((c) => c.finish_reason ?? []));
    t.strictSame(finishes, [plain.completion.choices[0]?.finish_reason]);
    t.match(chunksIn(streamed.usageEvent), [{ choices: [], usage: plain.completion.usage }]);
  });

  t.test(`given ${provider} and tools, calls come back, whole and streamed`, async (t) => {
    const request = chat('Please look at the sky', { tools: [TOOL] });
    const plain = await adapter.chat(request, callContext());
    const [choice] = plain.completion.choices;
    t.match(choice, {
      message: { content: null, tool_calls: [{ id: /./, type: 'function', function: { name: 'look' } }] },
      finish_reason: 'tool_calls',
    });
    const args = choice?.message.tool_calls?.[0]?.function.arguments ?? '';
    t.type(JSON.parse(args).at, 'string');
    const { text, chunks } = await readStream(adapter, request);
    t.equal(text, `look${args}`);
    t.ok(chunks.some(({ choices }) => choices[0]?.finish_reason === 'tool_calls'));
    const answered = await adapter.chat(
      chat('', {
        tools: [TOOL],
        messages: [
          { role: 'user', content: 'Please look at the sky' },
          { role: 'assistant', content: null, tool_calls: choice?.message.tool_calls },
          {
            role: 'tool',
            tool_call_id: choice?.message.tool_calls?.[0]?.id,
            content: '{"colour":"blue"}',
          },
        ],
      }),
      callContext(),
    );
    t.match(answered.completion.choices[0], { message: { content: /blue/ }, finish_reason: 'stop' });
  });

  t.test(`given ${provider} and a schema, the answer is JSON`, async (t) => {
    const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
    const format = { type: 'json_schema', json_schema: { name: 'page', schema } };
    const { completion } = await adapter.chat(
      chat('A title about rivers', { response_format: format }),
      callContext(),
    );
    t.match(JSON.parse(completion.choices[0]?.message.content ?? ''), { title: String });
  });

  t.test(`given ${provider} failing, errors are of our kinds`, async (t) => {
    const rows: [string, object][] = [
      ['status=400', { kind: 'bad_request', status: 400, retryable: false, blame: 'caller' }],
      ['status=401', { kind: 'authentication', blame: 'us' }],
      ['status=404', { kind: 'not_found', blame: 'us' }],
      [
        'status=429,retry_after_ms=1500',
        { kind: 'rate_limited', status: 429, retryAfterMs: 1500, retryable: true },
      ],
      ['status=500', { kind: 'server', status: 500, retryable: true, blame: 'provider' }],
      ['status=529', { kind: 'overloaded', retryable: true }],
      ['malformed', { kind: 'malformed', retryable: false }],
      ['cut=2', { kind: 'broken', retryable: false, blame: 'network' }],
    ];
    for (const [directive, expected] of rows) {
      const request = chat(`Rivers [[simulate: ${directive}]]`);
      await t.rejects(adapter.chat(request, callContext()), providerError(expected), `${directive}, plain`);
      t.match((await readStream(adapter, request)).error, expected, `${directive}, streamed`);
    }
    const refused = await readStream(adapter, chat('Rivers [[simulate: status=400]]'));
    t.equal(refused.error?.message, 'The request was not understood.', 'in the words of the provider');
  });

  t.test(`given ${provider} cut in the middle, what is known is not final`, async (t) => {
    const { text, usage, error } = await readStream(
      adapter,
      chat('Rivers [[simulate: cut=6,chunks=10]]', {}, { outputTokens: 200 }),
    );
    t.equal(error?.kind, 'broken');
    t.ok(text.length > 0);
    t.match(usage, { final: false, units: { input: Number } });
  });

  t.test(`given ${provider} silent, it times out or is cancelled, through to the socket`, async (t) => {
    const hanging = chat('Rivers [[simulate: hang]]');
    const slow = chat('Rivers [[simulate: chunk_delay=5000]]');
    const soon = callContext({ timeoutMs: 30 });
    await t.rejects(adapter.chat(hanging, soon), providerError({ kind: 'timeout' }));
    t.equal((await readStream(adapter, hanging, soon)).error?.kind, 'timeout');
    const idle = callContext({ idleTimeoutMs: 30 });
    t.equal((await readStream(adapter, slow, idle)).error?.kind, 'timeout');
    simulator.witness.reset();
    const controller = new AbortController();
    const pending = adapter.chat(hanging, callContext({ signal: controller.signal }));
    await simulator.witness.arrived(1);
    controller.abort();
    await t.rejects(pending, providerError({ kind: 'cancelled' }));
    await simulator.witness.ended(1);
    const failing = adapter.chatStream(slow, callContext(), () =>
      Promise.reject(new Error('The client left.')),
    );
    await t.rejects(failing, providerError({ kind: 'broken' }));
    await simulator.witness.ended(2);
    t.pass('the provider saw both go');
  });

  t.test(`given ${provider} at a closed port, the failure is the network's`, async (t) => {
    const nowhere = sourceAt(provider, 'http://127.0.0.1:9');
    await t.rejects(nowhere.chat(chat('x'), callContext()), providerError({ blame: 'network' }));
    t.equal((await readStream(nowhere, chat('x'))).error?.blame, 'network');
  });
}

t.test('given several answers, Gemini gives them', async (t) => {
  const adapter = sourceAt('gemini', `${simulator.url}/gemini`);
  const request = chatWith({}, { upstreamModel: 'gemini-2.0-flash', choices: 2 });
  t.strictSame(
    (await adapter.chat(request, callContext())).completion.choices.map((c) => c.index),
    [0, 1],
  );
  const { chunks } = await readStream(adapter, request);
  const indexes = chunks.flatMap(({ choices }) => choices.map(({ index }) => index));
  t.strictSame([...new Set(indexes)], [0, 1]);
});

t.test('given a moderated answer, it ends as one', async (t) => {
  for (const provider of ['anthropic', 'gemini'] as const) {
    const adapter = sourceAt(provider, `${simulator.url}/${provider}`);
    const messages = [{ role: 'user', content: 'Rivers [[simulate: moderated]]' }];
    const { completion } = await adapter.chat(
      chatWith({ messages }, { upstreamModel: models[provider] }),
      callContext(),
    );
    t.equal(completion.choices[0]?.finish_reason, 'content_filter', provider);
  }
});
