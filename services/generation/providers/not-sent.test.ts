/** On every provider path: a call without a connection was not sent and costs nothing; one that broke later may be billed. */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { ImageOrder } from './domain/image-adapter.ts';
import type { CallContext } from './domain/provider-adapter.ts';
import type { ProviderKey } from './domain/providers.ts';
import { callContext, chatWith, providerError, providersAt } from './fixtures.ts';
import { errorFromNetwork } from './network-errors.ts';

const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());

type Call = (baseUrl: string, context: CallContext) => Promise<unknown>;

const ignore = () => undefined;
const order: ImageOrder = {
  prompt: 'a heron',
  upstreamModel: 'stable-image-core',
  count: 1,
  size: null,
  quality: null,
};
const chatPath = (provider: ProviderKey): Record<string, Call> => ({
  [provider]: (baseUrl, context) =>
    providersAt(provider, baseUrl, dispatcher).forChat(provider).source.chat(chatWith({}), context),
  [`${provider}, streamed`]: (baseUrl, context) =>
    providersAt(provider, baseUrl, dispatcher)
      .forChat(provider)
      .source.chatStream(chatWith({ stream: true }), context, ignore),
});
const imagePath = (provider: ProviderKey): Record<string, Call> => ({
  [`${provider}, images`]: (baseUrl, context) =>
    providersAt(provider, baseUrl, dispatcher).forImages(provider).draw(order, context),
});

const paths: Record<string, Call> = {
  ...chatPath('openai'),
  ...chatPath('anthropic'),
  ...chatPath('gemini'),
  ...imagePath('openai'),
  ...imagePath('stability'),
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

t.test('given a kept connection that was reset before the request, then another one is used', async (t) => {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    sockets.add(request.socket);
    request.resume();
    response.end('{"choices":[]}');
  });
  const baseUrl = await listenServerOnFreePort(t, server);
  const { source } = providersAt('openai', baseUrl, dispatcher).forChat('openai');
  await source.chat(chatWith({}), callContext());
  for (const socket of sockets) socket.resetAndDestroy();
  await source.chat(chatWith({}), callContext());
  t.equal(sockets.size, 2);
  t.equal(requests, 2);
});

t.test('given a request that the system refused to send, then it was not sent', async (t) => {
  const failures: [code: string, syscall: string, kind: string][] = [
    ['EPIPE', 'write', 'connect'],
    ['ECONNRESET', 'write', 'connect'],
    ['ECONNRESET', 'read', 'broken'],
  ];
  for (const [code, syscall, kind] of failures) {
    const error = Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
    t.equal(errorFromNetwork(error, true).kind, kind, error.message);
  }
});
