/** The providers with OpenAI's format: what is passed on, and what is metered of it. */
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { ChatSource } from '../domain/chat-source.ts';
import type { CallContext, NormalisedChat } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { OPENAI_FORMAT_PROVIDERS, type OpenAiFormatProvider } from '../domain/providers.ts';
import { callContext, chatWith, providersAt, readStream, TOOL } from '../fixtures.ts';

const simulator = await startProviderSimulator();
const dispatcher = new Agent();
t.teardown(async () => {
  await dispatcher.destroy();
  await simulator.close();
});

const sourceAt = (provider: OpenAiFormatProvider, url = `${simulator.url}/${provider}/v1`) =>
  providersAt(provider, url, dispatcher).forChat(provider).source;

const chatOf = (content: string, more: Partial<NormalisedChat> = {}, body: object = {}): NormalisedChat =>
  chatWith(
    { messages: [{ role: 'user', content }], ...body },
    { model: 'gpt-4o', upstreamModel: 'gpt-4o', outputTokens: 80, ...more },
  );

type Outcome = { text: string; units: unknown; error: ProviderError | undefined };

/** What a plain answer and a stream have in common. */
const SHAPES: Record<
  string,
  (source: ChatSource, chat: NormalisedChat, context: CallContext) => Promise<Outcome>
> = {
  plain: async (source, chat, context) => {
    try {
      const { completion, units } = await source.chat(chat, context);
      const text = completion.choices.map(({ message }) => message.content ?? '').join('');
      return { text, units, error: undefined };
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return { text: '', units: undefined, error };
    }
  },
  stream: async (source, chat, context) => {
    const { text, usage, error } = await readStream(source, chat, context);
    return { text, units: usage?.units, error };
  },
};

for (const provider of OPENAI_FORMAT_PROVIDERS) {
  t.test(`given ${provider}, a stream says what the plain answer says`, async (t) => {
    const source = sourceAt(provider);
    for (const content of [
      'Tell me about rivers',
      'Tell me about rivers [[simulate: fill]]',
      'Tell me more [[simulate: cached=5,reasoning=20]]',
      'Tell me [[simulate: overrun=7]]',
      'Tell me [[simulate: moderated]]',
    ]) {
      const plain = await SHAPES.plain?.(source, chatOf(content), callContext());
      const streamed = await SHAPES.stream?.(source, chatOf(content), callContext());
      t.ok(plain?.text);
      t.ok(plain?.units);
      t.strictSame(streamed, plain, content);
    }
  });

  t.test(`given ${provider} failing, errors are of our kinds`, async (t) => {
    const source = sourceAt(provider);
    const rows: [directive: string, expected: object][] = [
      ['status=400', { kind: 'bad_request', status: 400, blame: 'caller' }],
      ['status=401', { kind: 'authentication', status: 401, blame: 'us' }],
      ['status=404', { kind: 'not_found', status: 404, blame: 'us' }],
      ['status=429,retry_after_ms=1500', { kind: 'rate_limited', status: 429, retryAfterMs: 1500 }],
      ['status=500', { kind: 'server', status: 500, retryable: true }],
      ['status=529', { kind: 'overloaded', status: 529, retryable: true }],
      ['malformed', { kind: 'malformed', mayBeBilled: true }],
      ['cut=3', { kind: 'broken', mayBeBilled: true }],
      ['cut=0', { kind: 'broken', mayBeBilled: true }],
    ];
    for (const [directive, expected] of rows) {
      for (const [shape, ask] of Object.entries(SHAPES)) {
        const { error } = await ask(source, chatOf(`Rivers [[simulate: ${directive}]]`), callContext());
        t.match(error, expected, `${directive}, ${shape}`);
      }
    }
  });
}

t.test('given cached and reasoning tokens, the classes are disjoint', async (t) => {
  const chat = chatOf('Rivers [[simulate: cached=5,reasoning=20,fill]]');
  for (const ask of Object.values(SHAPES)) {
    t.match((await ask(sourceAt('openai'), chat, callContext())).units, {
      cache_read: 5,
      output: 60,
      reasoning: 20,
    });
  }
});

t.test('given no usage, it is unknown', async (t) => {
  for (const ask of Object.values(SHAPES)) {
    const outcome = await ask(sourceAt('openai'), chatOf('Rivers [[simulate: no_usage]]'), callContext());
    t.match(outcome, { text: /./, units: undefined, error: undefined });
  }
});

t.test('given a model that the client knows by another name, then answers use that name', async (t) => {
  const chat = chatOf('Rivers', { model: 'our-name' });
  const { bytes, completion } = await sourceAt('openai').chat(chat, callContext());
  t.equal(completion.model, 'our-name');
  t.equal(JSON.parse(bytes.toString()).model, 'our-name');
  const { chunks } = await readStream(sourceAt('openai'), chat);
  t.ok(chunks.length > 2);
  for (const { model } of chunks) t.equal(model, 'our-name');
});

t.test(
  'given a model without another name, then the JSON of the provider is passed on unchanged',
  async (t) => {
    const json =
      '{"id":"c1", "choices":[{"index":0,"delta":{"content":"Grüße 🙂","x":1e2},"finish_reason":null}]}';
    const finish = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
    const usage = '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}';
    const answer = '{ "choices":[{"index":0,"message":{"content":"Hi","y":1.0},"finish_reason":"stop"}] }';
    const server = createServer((request, response) => {
      const isStream = request.headers.accept === 'text/event-stream';
      request.resume();
      response.end(
        isStream ? `data: ${json}\n\ndata: ${finish}\n\ndata: ${usage}\n\ndata: [DONE]\n\n` : answer,
      );
    });
    const source = sourceAt('openai', await listenServerOnFreePort(t, server));
    t.equal((await source.chat(chatOf('Hi'), callContext())).bytes.toString(), answer);
    const seen = await readStream(source, chatOf('Hi'));
    t.equal(seen.sent, `data: ${json}\n\ndata: ${finish}\n\n`, 'usage and the end wait for the settlement');
    t.equal(seen.usageEvent, `data: ${usage}\n\n`);
    t.strictSame(seen.usage, { units: { input: 9, output: 4 }, final: true });
  },
);

t.test('given tools and several choices, both shapes have them', async (t) => {
  const tooled = chatOf('Please look', {}, { tools: [TOOL] });
  const { completion } = await sourceAt('openai').chat(tooled, callContext());
  t.equal(completion.choices[0]?.message.tool_calls?.[0]?.function.name, 'look');
  t.match((await readStream(sourceAt('openai'), tooled)).text, /^look\{/);
  const two = chatOf('Rivers [[simulate: fill]]', { choices: 2 });
  for (const ask of Object.values(SHAPES)) {
    t.match((await ask(sourceAt('openai'), two, callContext())).units, { output: 160 });
  }
});

t.test('given a silent provider, the call times out', async (t) => {
  for (const ask of Object.values(SHAPES)) {
    const context = callContext({ timeoutMs: 30 });
    t.equal((await ask(sourceAt('openai'), chatOf('x [[simulate: hang]]'), context)).error?.kind, 'timeout');
  }
  const idle = callContext({ idleTimeoutMs: 30 });
  const { error } = await readStream(sourceAt('openai'), chatOf('x [[simulate: chunk_delay=5000]]'), idle);
  t.equal(error?.kind, 'timeout', 'in mid-stream');
});

t.test('the standard service tier is requested, and the tier of the answer is recorded', async (t) => {
  const bodies: { service_tier?: string }[] = [];
  const answer = {
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o',
    service_tier: 'priority',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 },
  };
  const chunk = { ...answer, choices: [{ index: 0, delta: { content: 'Hi' }, finish_reason: 'stop' }] };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = JSON.parse(Buffer.concat(parts).toString());
    bodies.push(body);
    response.setHeader('content-type', body.stream ? 'text/event-stream' : 'application/json');
    response.end(body.stream ? `data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n` : JSON.stringify(answer));
  });
  const source = sourceAt('openai', await listenServerOnFreePort(t, server));
  const asksForAuto = chatOf('Hi', {}, { service_tier: 'auto' });
  for (const [shape, ask] of Object.entries(SHAPES)) {
    const context = callContext();
    await ask(source, asksForAuto, context);
    t.equal(context.trace.serviceTier, 'priority', shape);
  }
  t.strictSame(
    bodies.map(({ service_tier }) => service_tier),
    ['default', 'default'],
  );
});
