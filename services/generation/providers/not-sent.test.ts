/** On every provider path: a call without a connection was not sent and costs nothing; one that broke later may be billed. */
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { AnthropicAdapter } from './anthropic/adapter.ts';
import { sourceOfAdapter } from './domain/chat-source.ts';
import type { ImageOrder } from './domain/image-adapter.ts';
import type { CallContext } from './domain/provider-adapter.ts';
import { callContext, chatWith, providerError } from './fixtures.ts';
import { GeminiAdapter } from './gemini/adapter.ts';
import { OpenAiAdapter } from './openai/adapter.ts';
import { OpenAiImageAdapter } from './openai/images.ts';
import { createPassthrough } from './openai/passthrough.ts';
import { VENDORS } from './openai/vendors.ts';
import { StabilityImageAdapter } from './stability/images.ts';

const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());
const runtime = createFakeRuntime();
const common = { apiKey: 'sk-test', fetch: fetchFromUndici(dispatcher), clock: runtime.clock, runtime };
const vendor = VENDORS.openai;

type Call = (baseUrl: string, context: CallContext) => Promise<unknown>;

const ignore = () => undefined;
const order: ImageOrder = {
  prompt: 'a heron',
  upstreamModel: 'stable-image-core',
  count: 1,
  size: null,
  quality: null,
};
const streamed = chatWith({ stream: true });

const paths: Record<string, Call> = {
  'OpenAI passthrough': (baseUrl, context) =>
    createPassthrough({ ...common, baseUrl, dispatcher, vendor }).chat(chatWith({}), context),
  'OpenAI passthrough, streamed': (baseUrl, context) =>
    createPassthrough({ ...common, baseUrl, dispatcher, vendor }).chatStream(streamed, context, ignore),
  'OpenAI SDK': (baseUrl, context) =>
    new OpenAiAdapter({ ...common, baseUrl, vendor }).chat(chatWith({}), context),
  'OpenAI SDK, streamed': (baseUrl, context) =>
    sourceOfAdapter(new OpenAiAdapter({ ...common, baseUrl, vendor })).chatStream(streamed, context, ignore),
  'Anthropic SDK': (baseUrl, context) =>
    new AnthropicAdapter({ ...common, baseUrl }).chat(chatWith({}), context),
  'Anthropic SDK, streamed': (baseUrl, context) =>
    sourceOfAdapter(new AnthropicAdapter({ ...common, baseUrl })).chatStream(streamed, context, ignore),
  'Gemini SDK': (baseUrl, context) => new GeminiAdapter({ ...common, baseUrl }).chat(chatWith({}), context),
  'Gemini SDK, streamed': (baseUrl, context) =>
    sourceOfAdapter(new GeminiAdapter({ ...common, baseUrl })).chatStream(streamed, context, ignore),
  'OpenAI images': (baseUrl, context) => new OpenAiImageAdapter({ ...common, baseUrl }).draw(order, context),
  'Stability images': (baseUrl, context) =>
    new StabilityImageAdapter({ ...common, baseUrl }).draw(order, context),
};

t.test('given a provider without a connection, then the call was not sent', async (t) => {
  const plainHttp = await listenServerOnFreePort(t, createServer());
  const unreachable = {
    'its name is unknown': 'http://provider.invalid',
    'the connection is refused': 'http://127.0.0.1:1',
    'TLS fails': plainHttp.replace('http:', 'https:'),
  };
  for (const [path, call] of Object.entries(paths)) {
    for (const [why, baseUrl] of Object.entries(unreachable)) {
      const context = callContext({ callId: `${path} ${why}` });
      await t.rejects(call(baseUrl, context), providerError({ kind: 'connect', mayBeBilled: false }), path);
      t.equal(context.trace.isInFlight, false, `${path}: ${why}`);
    }
  }
});

t.test('given a connection that is reset after the request was sent, then it may be billed', async (t) => {
  const server = createServer((request) => {
    request.resume().on('end', () => request.socket.destroy());
  });
  const baseUrl = await listenServerOnFreePort(t, server);
  for (const [path, call] of Object.entries(paths)) {
    const context = callContext({ callId: path });
    await t.rejects(call(baseUrl, context), providerError({ kind: 'broken', mayBeBilled: true }), path);
    t.equal(context.trace.isInFlight, true, path);
  }
});

t.test('given a call that is cancelled while it connects, then it was not sent', async (t) => {
  for (const [path, call] of Object.entries(paths)) {
    const controller = new AbortController();
    const context = callContext({ callId: path, signal: controller.signal });
    const pending = call('http://127.0.0.1:1', context);
    controller.abort();
    await t.rejects(pending, providerError({ kind: 'cancelled' }), path);
    t.equal(context.trace.isInFlight, false, path);
  }
});
