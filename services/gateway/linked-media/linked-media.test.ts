import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import t from 'tap';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { PublicHttpError, type PublicHttpRequest } from '#libs/http/public-http.ts';
import { createFetchShares } from './domain/fetch-shares.ts';
import { createInlineLinks } from './inline-links.ts';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const DATA_URL = `data:image/png;base64,${PNG.toString('base64')}`;
const image = (url: string) => ({ type: 'image_url' as const, image_url: { url } });
const chatOf = (...urls: string[]): ChatCompletionRequest => ({
  model: 'm',
  messages: [{ role: 'user', content: urls.map(image) }],
});

/** @param serve what a server answers; the pixel unless given. */
function build({
  totalBytes = 10_000,
  serve = async () => PNG,
}: {
  totalBytes?: number;
  serve?: (r: PublicHttpRequest) => Promise<Buffer>;
}) {
  const requests: PublicHttpRequest[] = [];
  const inline = createInlineLinks({
    shares: createFetchShares(totalBytes),
    http: {
      async request(request) {
        requests.push(request);
        const body = await serve(request);
        request.onBytes?.(body.length);
        request.signal?.throwIfAborted();
        return { url: request.url, status: 200, headers: {}, body };
      },
    },
  });
  const sender = (accountId = 'a') => {
    const response = Object.assign(new EventEmitter(), { closed: false }) as unknown as ServerResponse;
    return { response, caller: { accountId } as Caller };
  };
  return { inline, requests, sender };
}

t.test('a request without URLs stays the same, and one URL is fetched once', async (t) => {
  const { inline, requests, sender } = build({});
  const plain = chatOf(DATA_URL);
  t.equal(await inline(plain, sender()), plain);
  const linked = await inline(chatOf('https://a.b/c', DATA_URL, 'https://a.b/c'), sender());
  t.strictSame(linked, chatOf(DATA_URL, DATA_URL, DATA_URL));
  t.equal(requests.length, 1);
  const urls = Array.from({ length: 51 }, (_, index) => `https://a.b/${index}`);
  await t.rejects(inline(chatOf(...urls), sender()), { code: 'url_not_read', message: /at most 50/ });
  t.equal(requests.length, 1, 'nothing is fetched of too many');
});

t.test('an account has half of the memory until its requests end', async (t) => {
  const { inline, sender } = build({ totalBytes: 4 * PNG.length });
  const first = sender();
  await inline(chatOf('https://a.b/1', 'https://a.b/2'), first);
  await t.rejects(inline(chatOf('https://a.b/3'), sender()), { code: 'overloaded' });
  await inline(chatOf('https://a.b/3'), sender('b'));
  first.response.emit('close');
  await inline(chatOf('https://a.b/3'), sender());
});

t.test('an account fetches for 32 requests at a time', async (t) => {
  const { promise: answer, resolve } = Promise.withResolvers<Buffer>();
  const { inline, sender } = build({ serve: () => answer });
  const running = Array.from({ length: 32 }, () => inline(chatOf('https://a.b/c'), sender()));
  await t.rejects(inline(chatOf('https://a.b/c'), sender()), { code: 'overloaded' });
  const other = inline(chatOf('https://a.b/c'), sender('b'));
  resolve(PNG);
  await Promise.all([...running, other]);
  await inline(chatOf('https://a.b/c'), sender());
});

t.test('the first failure, or a client that leaves, ends all fetches of a request', async (t) => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const hangs = ({ signal }: PublicHttpRequest) => {
    begin();
    return new Promise<Buffer>((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
    });
  };
  const failing = build({
    serve: (request) => {
      if (request.url.endsWith('slow')) return hangs(request);
      throw new PublicHttpError('too_large');
    },
  });
  const param = 'messages.0.content.1';
  const failure = { code: 'url_not_read', fields: { param }, message: /too large/ };
  await t.rejects(failing.inline(chatOf('https://a.b/slow', 'https://a.b/c'), failing.sender()), failure);
  t.ok(failing.requests.every(({ signal }) => signal?.aborted));

  const { inline, sender } = build({ serve: hangs });
  const left = sender();
  const ended = t.rejects(inline(chatOf('https://a.b/slow'), left), { code: 'client_closed_request' });
  await begun;
  left.response.emit('close');
  await ended;
});
