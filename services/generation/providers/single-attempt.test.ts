/** No provider path repeats a call by itself: the call may have been billed, and its record would miss the repeat. */
import { createServer } from 'node:http';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { callContext, chatWith, providersAt } from './fixtures.ts';

const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());

for (const provider of ['openai', 'anthropic', 'gemini'] as const) {
  t.test(`given ${provider}, when it resets the connection, then it gets one request`, async (t) => {
    let requests = 0;
    const server = createServer((request) => {
      requests += 1;
      request.socket.destroy();
    });
    const baseUrl = await listenServerOnFreePort(t, server);
    const { source } = providersAt(provider, baseUrl, dispatcher).forChat(provider);
    await t.rejects(source.chat(chatWith({}), callContext()));
    t.equal(requests, 1, 'a whole answer');
    await t.rejects(source.chatStream(chatWith({ stream: true }), callContext(), () => undefined));
    t.equal(requests, 2, 'a stream');
  });
}
