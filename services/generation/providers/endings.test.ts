/** Every ending of a call must close its socket, on every provider path, also after garbage collection. */
import { createServer } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Agent } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { AnthropicAdapter } from './anthropic/adapter.ts';
import { type ChatSource, sourceOfAdapter } from './domain/chat-source.ts';
import type { CallContext } from './domain/provider-adapter.ts';
import { callContext, chatWith } from './fixtures.ts';
import { GeminiAdapter } from './gemini/adapter.ts';
import { OpenAiAdapter } from './openai/adapter.ts';
import { createPassthrough } from './openai/passthrough.ts';
import { VENDORS } from './openai/vendors.ts';

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
const runtime = createFakeRuntime();
const common = { apiKey: 'sk-test', fetch: fetchFromUndici(dispatcher), clock: runtime.clock, runtime };

const paths: Record<string, [beginning: keyof typeof BEGINNINGS, source: (baseUrl: string) => ChatSource]> = {
  'OpenAI passthrough': [
    'openai',
    (baseUrl) => createPassthrough({ ...common, baseUrl, dispatcher, vendor: VENDORS.openai }),
  ],
  'OpenAI SDK': [
    'openai',
    (baseUrl) => sourceOfAdapter(new OpenAiAdapter({ ...common, baseUrl, vendor: VENDORS.openai })),
  ],
  'Anthropic SDK': ['anthropic', (baseUrl) => sourceOfAdapter(new AnthropicAdapter({ ...common, baseUrl }))],
  'Gemini SDK': ['gemini', (baseUrl) => sourceOfAdapter(new GeminiAdapter({ ...common, baseUrl }))],
};

type Ending = { name: string; kind: string; context: Partial<CallContext>; end?: () => void };

function endings(): Ending[] {
  const controller = new AbortController();
  return [
    {
      name: 'cancelled',
      kind: 'cancelled',
      context: { signal: controller.signal },
      end: () => controller.abort(),
    },
    { name: 'idle for too long', kind: 'timeout', context: { idleTimeoutMs: 1_500 } },
  ];
}

for (const [path, [beginning, sourceAt]] of Object.entries(paths)) {
  for (const { name, kind, context, end } of endings()) {
    t.test(
      `given the ${path} path, when a collected stream is ${name}, then its socket closes`,
      async (t) => {
        const closed = Promise.withResolvers<void>();
        const server = createServer((request, response) => {
          request.socket.once('close', () => closed.resolve());
          response.writeHead(200, { 'content-type': 'text/event-stream' }).write(BEGINNINGS[beginning]);
        });
        const url = await listenServerOnFreePort(t, server);
        const begun = Promise.withResolvers<void>();
        const call = sourceAt(url).chatStream(chatWith({ stream: true }), callContext(context), (piece) => {
          if (piece.text !== '') begun.resolve();
          return undefined;
        });
        call.catch(() => undefined);
        await begun.promise;
        for (let round = 0; round < 10; round += 1) {
          collectGarbage();
          // finalisers run in a task of their own
          await new Promise((resolve) => setImmediate(resolve));
        }
        end?.();
        await t.rejects(call, { name: 'ProviderError', kind });
        await closed.promise;
      },
    );
  }
}
