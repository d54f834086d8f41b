/** No provider path repeats a call by itself: the call may have been billed, and its record would miss the repeat. */
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { fetchFromUndici } from '#libs/http/undici-fetch.ts';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { AnthropicAdapter } from './anthropic/adapter.ts';
import { type ChatSource, sourceOfAdapter } from './domain/chat-source.ts';
import { callContext, chatWith } from './fixtures.ts';
import { GeminiAdapter } from './gemini/adapter.ts';
import { OpenAiAdapter } from './openai/adapter.ts';
import { createPassthrough } from './openai/passthrough.ts';
import { VENDORS } from './openai/vendors.ts';

const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());
const runtime = createFakeRuntime();
const common = { apiKey: 'sk-test', fetch: fetchFromUndici(dispatcher), clock: runtime.clock, runtime };

const paths: Record<string, (baseUrl: string) => ChatSource> = {
  'OpenAI passthrough': (baseUrl) =>
    createPassthrough({ ...common, baseUrl, dispatcher, vendor: VENDORS.openai }),
  'OpenAI SDK': (baseUrl) =>
    sourceOfAdapter(new OpenAiAdapter({ ...common, baseUrl, vendor: VENDORS.openai })),
  'Anthropic SDK': (baseUrl) => sourceOfAdapter(new AnthropicAdapter({ ...common, baseUrl })),
  'Gemini SDK': (baseUrl) => sourceOfAdapter(new GeminiAdapter({ ...common, baseUrl })),
};

for (const [path, sourceAt] of Object.entries(paths)) {
  t.test(
    `given the ${path} path, when the provider resets the connection, then it gets one request`,
    async (t) => {
      let requests = 0;
      const server = createServer((request) => {
        requests += 1;
        request.socket.destroy();
      });
      const baseUrl = await listenServerOnFreePort(t, server);
      const source = sourceAt(baseUrl);
      await t.rejects(source.chat(chatWith({}), callContext()));
      t.equal(requests, 1, 'a whole answer');
      await t.rejects(source.chatStream(chatWith({ stream: true }), callContext(), () => undefined));
      t.equal(requests, 2, 'a stream');
    },
  );
}
