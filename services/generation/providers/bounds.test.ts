/** Providers that never stop sending: every path closes the socket after a bounded number of bytes, and the call is unknown. */
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { Agent } from 'undici';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import type { ImageOrder } from './domain/image-adapter.ts';
import type { CallContext } from './domain/provider-adapter.ts';
import type { ProviderKey } from './domain/providers.ts';
import { callContext, chatWith, providerError, providersAt } from './fixtures.ts';

const MIB = 1_048_576;
/** What the sockets of both sides may hold in addition to what was read. */
const SOCKET_BYTES = 12 * MIB;
/** A flood that is not stopped ends here, and fails its test. */
const FLOOD_BYTES = 256 * MIB;

t.setTimeout(170_000);
const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());

type Shape = 'plain' | 'stream' | 'images';
type Answer = (response: ServerResponse) => void;

const order: ImageOrder = {
  prompt: 'a heron',
  upstreamModel: 'stable-image-core',
  count: 1,
  size: null,
  quality: null,
};

function call(provider: ProviderKey, shape: Shape, baseUrl: string, context: CallContext): Promise<unknown> {
  const providers = providersAt(provider, baseUrl, dispatcher);
  if (shape === 'images') return providers.forImages(provider).draw(order, context);
  const { source } = providers.forChat(provider);
  return shape === 'plain'
    ? source.chat(chatWith({}), context)
    : source.chatStream(chatWith({ stream: true }), context, () => undefined);
}

function flood(response: ServerResponse, piece: string): void {
  const chunk = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)));
  let sent = 0;
  const send = () => {
    while (!response.destroyed && sent < FLOOD_BYTES) {
      sent += chunk.length;
      if (!response.write(chunk)) {
        response.once('drain', send);
        return;
      }
    }
  };
  send();
}

const answer =
  (status: number, head: string, piece: string, type = 'text/event-stream'): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': type });
    response.write(head);
    flood(response, piece);
  };

const chunk = (text: string) =>
  `data: {"choices":[{"index":0,"delta":{"content":${JSON.stringify(text)}},"finish_reason":null}]}\n\n`;

const PROVIDERS = {
  plain: ['openai', 'anthropic', 'gemini'],
  stream: ['openai', 'anthropic', 'gemini'],
  images: ['openai', 'stability'],
} as const;

const FLOODS: [title: string, shapes: Shape[], answer: Answer, kind: string, maxMib: number][] = [
  ['a document', ['plain', 'images'], answer(200, '{"id":"', 'a', 'application/json'), 'malformed', 32],
  ['a document for a stream', ['stream'], answer(200, '{"id":"', 'a', 'application/json'), 'malformed', 9],
  [
    'an error document',
    ['plain', 'stream', 'images'],
    answer(400, '{"error":{"message":"', 'a'),
    'misdirected',
    1,
  ],
  ['a line', ['stream'], answer(200, 'data: "', 'a'), 'malformed', 4],
  ['lines of one event', ['stream'], answer(200, '', 'data: a\n'), 'malformed', 9],
  ['a comment', ['stream'], answer(200, ': ', 'a'), 'malformed', 4],
  ['comments', ['stream'], answer(200, '', ': ping\n\n'), 'malformed', 9],
  ['blank lines', ['stream'], answer(200, '', '\n'), 'malformed', 9],
  ['events without data', ['stream'], answer(200, '', 'data:\n\n'), 'malformed', 9],
  ['unknown events', ['stream'], answer(200, '', 'data: {"type":"ping"}\n\n'), 'malformed', 9],
];

for (const [title, shapes, handler, kind, maxMib] of FLOODS) {
  t.test(`given ${title} without end, then ${maxMib} MiB are read at most`, async (t) => {
    let open: PromiseWithResolvers<number> | undefined;
    const server = createServer((request, response) => {
      const { socket } = request;
      request.resume();
      const before = socket.bytesWritten;
      socket.once('close', () => open?.resolve(socket.bytesWritten - before));
      handler(response);
    });
    const url = await listenServerOnFreePort(t, server);
    for (const shape of shapes) {
      for (const provider of PROVIDERS[shape]) {
        open = Promise.withResolvers();
        const context = callContext();
        await t.rejects(
          call(provider, shape, url, context),
          providerError({ kind }),
          `${provider}, ${shape}`,
        );
        const bytes = await open.promise;
        t.ok(bytes < maxMib * MIB + SOCKET_BYTES, `${provider}, ${shape}: ${bytes} bytes`);
      }
    }
  });
}

t.test('given headers that are too large, then the answer is malformed and may be billed', async (t) => {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json', 'x-a': 'x'.repeat(100_000) }).end('{}');
  });
  const url = await listenServerOnFreePort(t, server);
  for (const shape of ['plain', 'stream'] as const) {
    for (const provider of PROVIDERS[shape]) {
      const pending = call(provider, shape, url, callContext());
      await t.rejects(
        pending,
        providerError({ kind: 'malformed', mayBeBilled: true }),
        `${provider}, ${shape}`,
      );
    }
  }
});

t.test('given answers that are hardly HTTP, then each fails in time', async (t) => {
  const bomb = gzipSync(Buffer.alloc(20 * MIB, ' '));
  const raw = (text: string, ends: boolean) => (response: ServerResponse) => {
    response.socket?.write(text);
    if (ends) response.socket?.end();
  };
  const json = 'content-type: application/json\r\n';
  const rows: [title: string, answer: Answer, mayBeBilled?: boolean][] = [
    // As with any other status of a failure.
    ['a status that does not exist', raw('HTTP/1.1 999 x\r\ncontent-length: 2\r\n\r\n{}', true), false],
    [
      'compressed without being asked',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    ],
    ['no head', raw('{"choices":[]}', true)],
    ['fewer bytes than announced', raw(`HTTP/1.1 200 OK\r\n${json}content-length: 5000\r\n\r\n{"id"`, true)],
    ['two lengths', raw(`HTTP/1.1 200 OK\r\n${json}content-length: 2\r\ncontent-length: 9\r\n\r\n{}`, true)],
    [
      'an answer before the answer',
      raw('HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}', false),
    ],
  ];
  let handler: Answer = () => {};
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => handler(response));
  });
  server.on('clientError', () => {});
  const url = await listenServerOnFreePort(t, server);
  for (const [title, respond, mayBeBilled = true] of rows) {
    handler = respond;
    for (const shape of ['plain', 'stream'] as const) {
      for (const provider of PROVIDERS[shape]) {
        const context = callContext({ timeoutMs: 5_000, idleTimeoutMs: 5_000 });
        const pending = call(provider, shape, url, context);
        await t.rejects(pending, providerError({ mayBeBilled }), `${title}: ${provider}, ${shape}`);
      }
    }
  }
});

t.test(
  'given a stream that goes on after its end, then its answer is complete and its socket closes',
  async (t) => {
    const closed = Promise.withResolvers<number>();
    const server = createServer(({ socket }, response) => {
      socket.once('close', () => closed.resolve(socket.bytesWritten));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chunk('Hello').replace('null', '"stop"'));
      response.write('data: [DONE]\n\n');
      flood(response, chunk('more'));
    });
    const url = await listenServerOnFreePort(t, server);
    await call('openai', 'stream', url, callContext());
    t.ok((await closed.promise) < SOCKET_BYTES);
  },
);

t.test(
  'given a stream that stays open after its end, then the call ends and its socket closes',
  async (t) => {
    const closed = Promise.withResolvers<void>();
    const server = createServer(({ socket }, response) => {
      socket.once('close', () => closed.resolve());
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`${chunk('Hello').replace('null', '"stop"')}data: [DONE]\n\n`);
    });
    const url = await listenServerOnFreePort(t, server);
    await call('openai', 'stream', url, callContext({ timeoutMs: 60_000, idleTimeoutMs: 60_000 }));
    await closed.promise;
  },
);

t.test('given a stream that ends, then its connection is used again', async (t) => {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    sockets.add(request.socket);
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`${chunk('Hello').replace('null', '"stop"')}data: [DONE]\n\n`);
  });
  const url = await listenServerOnFreePort(t, server);
  for (let round = 0; round < 3; round += 1) {
    await call('openai', 'stream', url, callContext());
    // the response ends with, or just after, its last event
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(sockets.size, 1);
});
