import { createServer, type RequestListener } from 'node:http';
import t, { type Test } from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { createHttpPublisher } from './http-publisher.ts';

const POST = { id: 'p1', platform: 'twitter', credentialReference: 'soc_1', text: 'Hello' };

async function publisherOf(t: Test, listener: RequestListener, timeoutMs = 5_000) {
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.destroy());
  const url = await listenServerOnFreePort(t, createServer(listener));
  return createHttpPublisher(url, dispatcher, timeoutMs);
}

t.test('given an answer, its status decides whether the post was published', async (t) => {
  for (const [status, body, outcome] of [
    [201, { id: '1', url: 'https://twitter.example/1' }, 'published'],
    [201, { id: '1' }, 'unknown'],
    [200, 'not JSON', 'unknown'],
    [422, { error: { code: 'too_long', message: 'Too long.' } }, 'refused'],
    [408, {}, 'unavailable'],
    [425, {}, 'unavailable'],
    [429, {}, 'unavailable'],
    [503, {}, 'unavailable'],
    [500, {}, 'unknown'],
    [502, {}, 'unknown'],
    [504, {}, 'unknown'],
  ] as const) {
    const publisher = await publisherOf(t, (_request, response) =>
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body)),
    );
    t.match(await publisher.publish(POST), { outcome }, String(status));
  }
});

t.test('given no answer, the outcome is unknown', async (t) => {
  const silent = await publisherOf(t, () => {}, 50);
  t.strictSame(await silent.publish(POST), { outcome: 'unknown' });
  const broken = await publisherOf(t, (request) => request.socket.destroy());
  t.strictSame(await broken.publish(POST), { outcome: 'unknown' });
});

t.test('given no connection, nothing was sent', async (t) => {
  const dispatcher = new Agent();
  t.teardown(() => dispatcher.destroy());
  const publisher = createHttpPublisher('http://127.0.0.1:1', dispatcher);
  t.strictSame(await publisher.publish(POST), { outcome: 'unavailable' });
});
