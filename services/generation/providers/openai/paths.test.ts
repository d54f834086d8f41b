/** The passthrough and the SDK path to one provider must report the same text, usage and errors. */
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { startProviderSimulator } from '#libs/simulators/provider-simulator.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { CallContext, NormalisedChat, ReportedUsage } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import type { OpenAiFormatProvider } from '../domain/providers.ts';
import { writtenReasoning, writtenText } from '../domain/stream-piece.ts';
import { OpenAiAdapter } from './adapter.ts';
import { createPassthrough } from './passthrough.ts';
import { VENDORS } from './vendors.ts';

const simulator = await startProviderSimulator();
const dispatcher = new Agent();
t.teardown(async () => {
  await dispatcher.destroy();
  await simulator.close();
});

type Outcome = {
  text: string;
  usage: ReportedUsage['units'] | undefined;
  error: { kind: string; status: number | null; retryAfterMs: number | null; message: string } | null;
};

type Path = (chat: NormalisedChat, context: CallContext) => Promise<Outcome>;

const caught = (error: unknown): Outcome['error'] => {
  if (!(error instanceof ProviderError)) throw error;
  const { kind, status, retryAfterMs, message } = error;
  return { kind, status, retryAfterMs, message };
};

function paths(provider: OpenAiFormatProvider, baseUrl = `${simulator.url}/${provider}/v1`) {
  const common = { baseUrl, apiKey: 'sk-test', vendor: VENDORS[provider] };
  const adapter = new OpenAiAdapter({ ...common, fetch: fetchFromUndici(dispatcher) });
  const passthrough = createPassthrough({ ...common, dispatcher });
  const plain =
    (call: typeof adapter.chat | typeof passthrough.chat): Path =>
    async (chat, context) => {
      try {
        const { completion, units } = await call(chat, context);
        const [choice] = completion.choices;
        const text = choice?.message.content ?? JSON.stringify(choice?.message.tool_calls?.[0]?.function);
        return { text: `${completion.model}: ${text}`, usage: units, error: null };
      } catch (error) {
        return { text: '', usage: undefined, error: caught(error) };
      }
    };
  const sdkStream: Path = async (chat, context) => {
    const seen: Outcome = { text: '', usage: undefined, error: null };
    try {
      for await (const { chunk, usage } of adapter.chatStream(chat, context)) {
        if (chunk) seen.text += writtenText(chunk) + writtenReasoning(chunk);
        if (usage) seen.usage = usage.units;
      }
    } catch (error) {
      seen.error = caught(error);
    }
    return seen;
  };
  const bytesStream: Path = async (chat, context) => {
    const seen: Outcome = { text: '', usage: undefined, error: null };
    try {
      await passthrough.chatStream(chat, context, ({ text, reasoning, usage }) => {
        seen.text += text + reasoning;
        if (usage) seen.usage = usage.units;
        return undefined;
      });
    } catch (error) {
      seen.error = caught(error);
    }
    return seen;
  };
  return {
    plain: { sdk: plain(adapter.chat.bind(adapter)), bytes: plain(passthrough.chat) },
    stream: { sdk: sdkStream, bytes: bytesStream },
  };
}

const chatOf = (content: string, more: Partial<NormalisedChat> = {}): NormalisedChat => ({
  body: { model: 'any', messages: [{ role: 'user', content }], ...more.body } as NormalisedChat['body'],
  model: 'gpt-4o',
  upstreamModel: 'gpt-4o',
  outputTokens: 80,
  choices: 1,
  ...more,
});

const contextOf = (more: Partial<CallContext> = {}): CallContext => ({
  signal: new AbortController().signal,
  timeoutMs: 10_000,
  idleTimeoutMs: 10_000,
  callId: 'r/0',
  trace: { requestBytes: 0, providerRequestId: null, serviceTier: null, isInFlight: true },
  ...more,
});

const chats = [
  ['plain words', 'Tell me about rivers'],
  ['the whole cap', 'Tell me about rivers [[simulate: fill]]'],
  ['cached and reasoning tokens', 'Tell me more [[simulate: cached=5,reasoning=20]]'],
  ['no usage', 'Tell me [[simulate: no_usage]]'],
  ['more than the cap', 'Tell me [[simulate: overrun=7]]'],
  ['moderated', 'Tell me [[simulate: moderated]]'],
  ['400', 'Tell me [[simulate: status=400]]'],
  ['401', 'Tell me [[simulate: status=401]]'],
  ['404', 'Tell me [[simulate: status=404]]'],
  ['429 with Retry-After', 'Tell me [[simulate: status=429,retry_after_ms=1500]]'],
  ['500', 'Tell me [[simulate: status=500]]'],
  ['529', 'Tell me [[simulate: status=529]]'],
  ['malformed', 'Tell me [[simulate: malformed]]'],
  ['cut', 'Tell me [[simulate: cut=3]]'],
  ['cut at once', 'Tell me [[simulate: cut=0]]'],
] as const;

for (const provider of ['openai', 'xai', 'mistral', 'ollama'] as const) {
  const both = paths(provider);
  for (const shape of ['plain', 'stream'] as const) {
    t.test(`given ${provider}, ${shape}: both paths agree`, async (t) => {
      for (const [title, content] of chats) {
        const [sdk, bytes] = [
          await both[shape].sdk(chatOf(content), contextOf()),
          await both[shape].bytes(chatOf(content), contextOf()),
        ];
        t.strictSame(bytes, sdk, title);
      }
    });
  }
}

t.test('given a plain chat, text and usage are correct', async (t) => {
  const { plain, stream } = paths('openai');
  const ok = await plain.bytes(chatOf('Rivers [[simulate: cached=5,reasoning=20,fill]]'), contextOf());
  t.match(ok.usage, { cache_read: 5, output: 60, reasoning: 20 });
  const limited = await plain.bytes(
    chatOf('Rivers [[simulate: status=429,retry_after_ms=1500]]'),
    contextOf(),
  );
  t.match(limited.error, { kind: 'rate_limited', status: 429, retryAfterMs: 1500 });
  const cut = await stream.bytes(chatOf('Rivers [[simulate: cut=5]]'), contextOf());
  t.match(cut.error, { kind: 'broken' });
  t.ok(cut.text.length > 10, 'what came before the cut is kept');
});

t.test('given a model the client knows by another name, answers carry that name', async (t) => {
  const { plain } = paths('openai');
  const chat = chatOf('Rivers', { model: 'our-name' });
  for (const path of [plain.sdk, plain.bytes]) t.match((await path(chat, contextOf())).text, /^our-name: /);
});

t.test('given tools and several choices, both pass', async (t) => {
  const tools = [
    { type: 'function', function: { name: 'find_river', parameters: { type: 'object', properties: {} } } },
  ];
  const body = { model: 'x', messages: [{ role: 'user', content: 'Please find_river' }], tools };
  const { plain, stream } = paths('openai');
  for (const path of [plain.sdk, plain.bytes, stream.sdk, stream.bytes]) {
    const { text } = await path(chatOf('', { body: body as NormalisedChat['body'] }), contextOf());
    t.match(text, /find_river/);
  }
  const two = chatOf('Rivers [[simulate: fill]]', { choices: 2 });
  for (const path of [plain.sdk, plain.bytes]) t.equal((await path(two, contextOf())).usage?.output, 160);
});

t.test('given a closed port, both report that nothing was sent', async (t) => {
  const { plain, stream } = paths('openai', 'http://127.0.0.1:9/v1');
  for (const path of [plain.sdk, plain.bytes, stream.sdk, stream.bytes]) {
    t.equal((await path(chatOf('x'), contextOf())).error?.kind, 'connect');
  }
});

t.test('given a silent provider, both time out; given a caller that gives up, both cancel', async (t) => {
  const { plain, stream } = paths('openai');
  for (const path of [plain.sdk, plain.bytes, stream.sdk, stream.bytes]) {
    const chat = chatOf('x [[simulate: hang]]');
    t.equal((await path(chat, contextOf({ timeoutMs: 30 }))).error?.kind, 'timeout');
    const controller = new AbortController();
    const pending = path(chat, contextOf({ signal: controller.signal }));
    controller.abort();
    t.equal((await pending).error?.kind, 'cancelled');
  }
  const silent = chatOf('x [[simulate: chunk_delay=5000]]');
  for (const path of [stream.sdk, stream.bytes]) {
    t.equal((await path(silent, contextOf({ idleTimeoutMs: 30 }))).error?.kind, 'timeout', 'in mid-stream');
  }
});

t.test('given a cancelled call, the socket is closed', async (t) => {
  const closes = new EventEmitter();
  let closed = 0;
  let arrived: (() => void) | undefined;
  const url = await listenServerOnFreePort(
    t,
    createServer((request) => {
      request.socket.once('close', () => {
        closed += 1;
        closes.emit('close');
      });
      arrived?.();
    }),
  );
  const { plain, stream } = paths('openai', `${url}/v1`);
  for (const path of [plain.sdk, plain.bytes, stream.sdk, stream.bytes]) {
    const controller = new AbortController();
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const before = closed;
    const pending = path(chatOf('x'), contextOf({ signal: controller.signal }));
    await arrival;
    controller.abort();
    await pending;
    while (closed === before) await once(closes, 'close');
    t.equal(closed, before + 1);
  }
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
  const both = paths('openai', `${await listenServerOnFreePort(t, server)}/v1`);
  const chat = chatOf('Hi');
  const asksForAuto = { ...chat, body: { ...chat.body, service_tier: 'auto' as const } };
  for (const shape of ['plain', 'stream'] as const) {
    for (const path of ['sdk', 'bytes'] as const) {
      const context = contextOf();
      context.trace = { ...context.trace };
      await both[shape][path](asksForAuto, context);
      t.equal(context.trace.serviceTier, 'priority', `${shape}, ${path}`);
    }
  }
  t.strictSame(
    bodies.map(({ service_tier }) => service_tier),
    Array(4).fill('default'),
  );
});
