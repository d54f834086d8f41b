/** Every ending of a call must close its socket, on every provider path, also after garbage collection. */
import { createServer, type ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { CallContext } from './domain/provider-adapter.ts';
import { callContext, chatWith, providerError, providersAt } from './fixtures.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** The first events of an answer, after which the provider falls silent. */
const BEGINNINGS = {
  openai:
    'data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n',
  anthropic: [
    'event: message_start',
    'data: {"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","content":[],"model":"m","usage":{"input_tokens":25,"output_tokens":1}}}',
    '',
    'event: content_block_start',
    'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
    '',
    'event: content_block_delta',
    'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}',
    '',
    '',
  ].join('\n'),
  gemini:
    'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"index":0}],"usageMetadata":{"promptTokenCount":3}}\r\n\r\n',
} as const;

const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());
const VENDORS = ['openai', 'xai', 'mistral', 'ollama', 'anthropic', 'gemini'] as const;
type Vendor = (typeof VENDORS)[number];

const beginningOf = (vendor: Vendor) =>
  BEGINNINGS[vendor === 'anthropic' || vendor === 'gemini' ? vendor : 'openai'];

/** Where the provider falls silent. */
const SILENCES: Record<
  string,
  { stream: boolean; answer: (response: ServerResponse, vendor: Vendor) => void }
> = {
  'in a stream': {
    stream: true,
    answer: (response, vendor) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(beginningOf(vendor));
    },
  },
  'before the first event': {
    stream: true,
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': working\n\n');
    },
  },
  'before the head of a stream': { stream: true, answer: () => undefined },
  'before a plain answer': { stream: false, answer: () => undefined },
  'in a plain answer': {
    stream: false,
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"id":"c1",');
    },
  },
  'in an error document': {
    stream: false,
    answer: (response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).write('{"error":{');
    },
  },
};

type Ending = { name: string; kind: string; context: Partial<CallContext>; end?: () => void };

/** An emergency stop, a client that has left, a deadline and a shutdown all abort the signal. */
function endings(): Ending[] {
  const controller = new AbortController();
  return [
    {
      name: 'cancelled',
      kind: 'cancelled',
      context: { signal: controller.signal },
      end: () => controller.abort(),
    },
    { name: 'silent for too long', kind: 'timeout', context: { timeoutMs: 1_000, idleTimeoutMs: 300 } },
  ];
}

async function collectAllGarbage(): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    collectGarbage();
    // finalisers run in a task of their own
    await new Promise((resolve) => setImmediate(resolve));
  }
}

for (const vendor of VENDORS) {
  for (const [silence, { stream, answer }] of Object.entries(SILENCES)) {
    for (const { name, kind, context, end } of endings()) {
      t.test(`given ${vendor} ${silence}, when the call is ${name}, then its socket closes`, async (t) => {
        const closed = Promise.withResolvers<void>();
        const arrived = Promise.withResolvers<void>();
        const server = createServer((request, response) => {
          request.socket.once('close', () => closed.resolve());
          answer(response, vendor);
          arrived.resolve();
        });
        const { source } = providersAt(vendor, await listenServerOnFreePort(t, server), dispatcher).forChat(
          vendor,
        );
        const begun = Promise.withResolvers<void>();
        const call: Promise<unknown> = stream
          ? source.chatStream(chatWith({ stream }), callContext(context), () => begun.resolve() as undefined)
          : source.chat(chatWith({}), callContext(context));
        call.catch(() => undefined);
        await (silence === 'in a stream' || silence === 'before the first event' ? begun : arrived).promise;
        await collectAllGarbage();
        end?.();
        await t.rejects(call, { name: 'ProviderError', kind });
        await closed.promise;
      });
    }
  }
}

t.test('given a provider that only sends comments, then they do not replace content', async (t) => {
  for (const vendor of VENDORS) {
    const closed = Promise.withResolvers<void>();
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(beginningOf(vendor));
      const timer = setInterval(() => response.write(': working\n\n'), 20);
      response.once('close', () => {
        clearInterval(timer);
        closed.resolve();
      });
    });
    const { source } = providersAt(vendor, await listenServerOnFreePort(t, server), dispatcher).forChat(
      vendor,
    );
    const context = callContext({ timeoutMs: 800, idleTimeoutMs: 400 });
    const startedAt = performance.now();
    await t.rejects(
      source.chatStream(chatWith({ stream: true }), context, () => undefined),
      providerError({ kind: 'timeout' }),
      vendor,
    );
    t.ok(performance.now() - startedAt >= 800, 'comments end a silence');
    await closed.promise;
  }
});

t.test('given a client that fails to read, then the socket closes', async (t) => {
  const closed = Promise.withResolvers<void>();
  const server = createServer((_request, response) => {
    response.once('close', () => closed.resolve());
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(BEGINNINGS.openai);
  });
  const { source } = providersAt('openai', await listenServerOnFreePort(t, server), dispatcher).forChat(
    'openai',
  );
  const call = source.chatStream(chatWith({ stream: true }), callContext(), () =>
    Promise.reject(new Error('gone')),
  );
  await t.rejects(call, providerError({ kind: 'broken' }));
  await closed.promise;
});
