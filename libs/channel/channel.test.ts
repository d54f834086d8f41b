import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import {
  type Channel,
  type ChannelClient,
  type ChannelClientOptions,
  ChannelError,
  createChannelClient,
  type Exchange,
} from './client.ts';
import { encodeFrame, encodeHead, FRAME, FrameError, type FrameType } from './frames.ts';
import { type Sender, WINDOW_BYTES } from './sender.ts';
import { acceptChannels, type ChannelServerOptions } from './server.ts';

type Question = { ask: string; size?: number };
type Reply = { status: number };
type Answer = Sender<Reply>;
/** What a server does when it is asked this. */
type Handlers = Record<string, (answer: Answer, body: Buffer, question: Question) => unknown>;

const PROTOCOL = 'test-channel';
const OK: Reply = { status: 200 };
const EMPTY = Buffer.alloc(0);
const MAX_REQUEST_BYTES = 64 * 1024 * 1024;

/** A server of these answers and `echo`. `sockets` are its connections in the order of their coming. */
async function serve(
  t: Test,
  handlers: Handlers = {},
  options: Partial<ChannelServerOptions<Question, Reply>> = {},
) {
  const server = createHttpServer();
  const sockets: Socket[] = [];
  const errors: Error[] = [];
  const asked: string[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  const known: Handlers = { echo: (answer, body) => answer.whole(OK, Buffer.from(body)), ...handlers };
  const channels = acceptChannels<Question, Reply>(server, PROTOCOL, {
    maxRequestBytes: MAX_REQUEST_BYTES,
    refuse: ({ url }) => (url === '/channel' ? null : 404),
    onError: (error) => errors.push(error),
    serve: async ({ head, body }, answer) => {
      asked.push(head.ask);
      await known[head.ask]?.(answer, body, head);
    },
    ...options,
  });
  const url = await listenServerOnFreePort(t, server);
  t.teardown(channels.drop);
  return { url, server, channels, sockets, errors, asked };
}

function connect(t: Test, url: string, options: Partial<ChannelClientOptions> = {}): ChannelClient<Reply> {
  const client = createChannelClient<Reply>({
    url,
    protocol: PROTOCOL,
    path: '/channel',
    headers: () => ({}),
    ...options,
  });
  t.teardown(() => void client.close());
  return client;
}

/** One exchange, and what its listener is told. */
type Told = {
  /** `head`, `data` for each piece, `end` or `lost`, in their order. */
  events: string[];
  head: Reply | undefined;
  pieces: Buffer[];
  bytes: () => number;
  error: Error | undefined;
  exchange: Exchange;
  /** Resolves when so many bytes have come. */
  received: (bytes: number) => Promise<void>;
  /** Resolves when it has ended or is lost. */
  over: Promise<Told>;
};

/** Whoever is `slow` passes nothing on but what the test does. */
type AskOptions = { slow?: boolean; onHead?: (told: Told) => void };

/** Asks on a connection, and passes on at once what comes. */
function ask(
  channel: Channel<Reply>,
  question: Question,
  body: Buffer = EMPTY,
  { slow = false, onHead = () => undefined }: AskOptions = {},
): Told {
  const progress = new EventEmitter();
  const over = Promise.withResolvers<Told>();
  const told: Told = {
    events: [],
    head: undefined,
    pieces: [],
    bytes: () => told.pieces.reduce((sum, piece) => sum + piece.length, 0),
    error: undefined,
    exchange: channel.ask(question, body, {
      onHead(head) {
        told.events.push('head');
        told.head = head;
        onHead(told);
      },
      onData(bytes) {
        told.events.push('data');
        told.pieces.push(Buffer.from(bytes));
        if (!slow) told.exchange.passedOn(bytes.length);
        progress.emit('data');
      },
      onEnd() {
        told.events.push('end');
        over.resolve(told);
      },
      onLost(error) {
        told.events.push('lost');
        told.error = error;
        over.resolve(told);
      },
    }),
    async received(bytes) {
      while (told.bytes() < bytes) await once(progress, 'data');
    },
    over: over.promise,
  };
  return told;
}

const askNow = async (
  client: ChannelClient<Reply>,
  question: Question,
  body?: Buffer,
  options?: AskOptions,
) => ask(await client.channel(), question, body, options);

const text = ({ pieces }: Told) => Buffer.concat(pieces).toString();

/** Sends something there and back: what either side had sent before has come. */
async function roundTrip(client: ChannelClient<Reply>): Promise<void> {
  await (await askNow(client, { ask: 'echo' })).over;
}

/** Opens a connection whose frames the test writes itself. */
async function connectRaw(t: Test, url: string): Promise<Socket> {
  const request = httpRequest(`${url}/channel`, {
    agent: false,
    headers: { connection: 'upgrade', upgrade: PROTOCOL },
  });
  request.end();
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Socket];
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  return socket;
}

/** A server that upgrades and then does what the test says. */
async function serveRaw(t: Test, onSocket: (socket: Socket) => void): Promise<string> {
  const server = createHttpServer();
  const sockets: Socket[] = [];
  server.on('upgrade', (_request, stream) => {
    const socket = stream as Socket;
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${PROTOCOL}\r\n\r\n`);
    onSocket(socket);
  });
  const url = await listenServerOnFreePort(t, server);
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  return url;
}

t.test('a whole answer', async (t) => {
  const heads: Question[] = [];
  const { url, sockets } = await serve(t, {
    later: async (answer, body, head) => {
      heads.push(head);
      await turn();
      answer.whole({ status: 201 }, Buffer.from(`${body}, später`));
    },
    bodiless: (answer) => answer.whole({ status: 204 }, EMPTY),
  });
  const client = connect(t, url);
  const later = await (await askNow(client, { ask: 'later', size: 7 }, Buffer.from('größer'))).over;
  t.strictSame(later.events, ['head', 'data', 'end']);
  t.strictSame(later.head, { status: 201 });
  t.equal(text(later), 'größer, später');
  t.strictSame(heads, [{ ask: 'later', size: 7 }]);

  const bodiless = await (await askNow(client, { ask: 'bodiless' })).over;
  t.strictSame(bodiless.events, ['head', 'end']);
  t.strictSame(bodiless.head, { status: 204 });
  t.equal(sockets.length, 1, 'over one connection');
});

t.test('an answer that is begun comes piece by piece', async (t) => {
  const release = Promise.withResolvers<void>();
  const { url } = await serve(t, {
    stream: async (answer) => {
      answer.begin(OK);
      t.equal(answer.write(Buffer.from('first ')), undefined, 'there is room');
      await release.promise;
      void answer.write(Buffer.from('last'));
      t.equal(answer.hasEnded(), false);
      answer.end();
      t.equal(answer.hasEnded(), true);
      t.strictSame(answer.head(), OK);
    },
  });
  const told = await askNow(connect(t, url), { ask: 'stream' });
  await told.received(6);
  t.strictSame(told.events, ['head', 'data'], 'before it has ended');
  t.equal(text(told), 'first ');
  release.resolve();
  await told.over;
  t.strictSame(told.events, ['head', 'data', 'data', 'end']);
  t.equal(text(told), 'first last');
});

t.test('an answer is never more than a window ahead of what was passed on', async (t) => {
  const size = 3 * WINDOW_BYTES + 1;
  const bytes = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
  const states: string[] = [];
  const { url, sockets } = await serve(t, {
    whole: (answer) => answer.whole(OK, bytes),
    stream: async (answer) => {
      answer.begin(OK);
      t.equal(answer.write(bytes.subarray(0, WINDOW_BYTES)), undefined, 'a window has room');
      const room = answer.write(bytes.subarray(WINDOW_BYTES));
      states.push('full');
      await room;
      states.push('room');
      answer.end();
    },
  });
  const client = connect(t, url);
  for (const kind of ['whole', 'stream']) {
    const told = await askNow(client, { ask: kind }, EMPTY, { slow: true });
    await told.received(WINDOW_BYTES);
    await roundTrip(client);
    t.equal(told.bytes(), WINDOW_BYTES);

    // half a window is worth a message, less is not
    told.exchange.passedOn(WINDOW_BYTES / 2 - 1);
    await roundTrip(client);
    t.equal(told.bytes(), WINDOW_BYTES);
    told.exchange.passedOn(1);
    await roundTrip(client);
    t.equal(told.bytes(), 1.5 * WINDOW_BYTES);
    told.exchange.passedOn(WINDOW_BYTES);
    await roundTrip(client);
    t.equal(told.bytes(), 2.5 * WINDOW_BYTES);
    if (kind === 'stream') t.strictSame(states, ['full']);

    told.exchange.passedOn(WINDOW_BYTES);
    await told.over;
    t.equal(told.events.at(-1), 'end');
    t.ok(Buffer.concat(told.pieces).equals(bytes), 'and it is complete');
  }
  t.strictSame(states, ['full', 'room']);
  t.equal(sockets.length, 1);
});

t.test('a slow reader holds up its own answer and no other', async (t) => {
  const bytes = Buffer.alloc(1_000_000, 'x');
  const { url, sockets } = await serve(t, { large: (answer) => answer.whole(OK, bytes) });
  const client = connect(t, url);
  const slow = await askNow(client, { ask: 'large' }, EMPTY, { slow: true });
  const quick = await askNow(client, { ask: 'large' });
  await quick.over;
  t.equal(quick.bytes(), bytes.length);
  t.equal(slow.bytes(), WINDOW_BYTES);
  t.equal(sockets.length, 1, 'over the same connection');
  for (let passed = 0; passed < bytes.length; passed += WINDOW_BYTES) {
    slow.exchange.passedOn(WINDOW_BYTES);
    await slow.received(Math.min(bytes.length, passed + 2 * WINDOW_BYTES));
  }
  await slow.over;
  t.equal(slow.bytes(), bytes.length);
});

t.test('whoever leaves is told nothing more, and the server is told', async (t) => {
  const gone = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const notes: string[] = [];
  const { url, errors } = await serve(t, {
    stream: async (answer) => {
      answer.onGone(() => notes.push('first'));
      answer.onGone(gone.resolve);
      answer.begin(OK);
      // what waits for room when its client leaves waits no longer
      await answer.write(Buffer.alloc(2 * WINDOW_BYTES));
      notes.push('woken');
      t.equal(answer.isGone(), true);
      t.equal(answer.hasEnded(), false);
      answer.onGone(() => notes.push('at once'));
      t.equal(answer.write(Buffer.from('more')), undefined, 'and what is written is dropped');
      answer.end();
      released.resolve();
    },
    done: (answer) => {
      answer.onGone(() => notes.push('never'));
      answer.whole(OK, Buffer.from('done'));
    },
  });
  const client = connect(t, url);
  const told = await askNow(client, { ask: 'stream' }, EMPTY, { slow: true });
  await told.received(WINDOW_BYTES);
  const { events } = told;
  const before = [...events];
  told.exchange.leave();
  told.exchange.leave();
  told.exchange.passedOn(WINDOW_BYTES);
  await gone.promise;
  await released.promise;
  t.strictSame(notes, ['first', 'woken', 'at once']);
  await roundTrip(client);
  t.strictSame(events, before);

  // one that leaves at its head, while the whole answer has come
  const early = await askNow(client, { ask: 'done' }, EMPTY, { onHead: ({ exchange }) => exchange.leave() });
  await roundTrip(client);
  t.strictSame(early.events, ['head']);

  // one that leaves before its request has left, and one that leaves when all is over
  const never = await askNow(client, { ask: 'done' });
  never.exchange.leave();
  const done = await (await askNow(client, { ask: 'done' })).over;
  done.exchange.leave();
  await roundTrip(client);
  t.strictSame(never.events, []);
  t.strictSame(notes, ['first', 'woken', 'at once']);
  t.strictSame(errors, []);
});

t.test('an answer that is not completed is lost, and no other', async (t) => {
  const { url, errors, sockets } = await serve(t, {
    rejects: async () => {
      await turn();
      throw new Error('rejected');
    },
    throws: () => {
      throw new Error('thrown');
    },
    forgets: () => undefined,
    breaksOff: (answer) => {
      answer.begin(OK);
      void answer.write(Buffer.from('half'));
    },
    cancels: (answer) => {
      answer.begin(OK);
      answer.cancel();
      answer.end();
    },
    writesFirst: (answer) => answer.write(Buffer.from('no head')),
    endsFirst: (answer) => answer.end(),
  });
  const client = connect(t, url);
  const cases: [string, string[], string[]][] = [
    ['rejects', ['lost'], ['rejected']],
    ['throws', ['lost'], ['thrown']],
    ['forgets', ['lost'], []],
    ['breaksOff', ['head', 'data', 'lost'], []],
    ['cancels', ['head', 'lost'], []],
    ['writesFirst', ['lost'], ['An answer begins with its head']],
    ['endsFirst', ['lost'], ['An answer begins with its head']],
  ];
  const running = await askNow(client, { ask: 'echo' }, Buffer.from('still here'));
  for (const [kind, events, messages] of cases) {
    const told = await (await askNow(client, { ask: kind })).over;
    t.strictSame(told.events, events, kind);
    t.match(told.error, { name: 'ChannelError', message: 'the answer was broken off' });
    t.strictSame(
      errors.splice(0).map(({ message }) => message),
      messages,
    );
  }
  t.equal(text(await running.over), 'still here');
  t.equal(sockets.length, 1);
});

t.test('a handler that throws before it returns a promise costs no more than its own answer', async (t) => {
  const { url, errors } = await serve(
    t,
    {},
    {
      serve: ({ head }, answer) => {
        if (head.ask === 'bad') throw new Error('thrown');
        answer.whole(OK, EMPTY);
        return Promise.resolve();
      },
    },
  );
  const client = connect(t, url);
  const bad = await askNow(client, { ask: 'bad' });
  const good = await askNow(client, { ask: 'good' });
  t.strictSame((await bad.over).events, ['lost']);
  t.strictSame((await good.over).events, ['head', 'end']);
  t.match(errors, [{ message: 'thrown' }]);
});

t.test('a listener that throws loses its own answer and no other', async (t) => {
  const gone: string[] = [];
  const release = Promise.withResolvers<void>();
  const { url, errors, sockets } = await serve(t, {
    stream: async (answer, body) => {
      answer.onGone(() => {
        gone.push(body.toString());
        throw new Error('thrown by who waits for it');
      });
      answer.begin(OK);
      await release.promise;
      void answer.write(Buffer.from('done'));
      answer.end();
    },
  });
  const client = connect(t, url);
  const other = await askNow(client, { ask: 'stream' }, Buffer.from('other'));
  const onHead = () => {
    throw new Error('thrown by the listener');
  };
  const bad = await (await askNow(client, { ask: 'stream' }, Buffer.from('bad'), { onHead })).over;
  t.strictSame(bad.events, ['head', 'lost']);
  t.match(bad.error, { message: 'thrown by the listener' });
  const whole = await (await askNow(client, { ask: 'echo' }, Buffer.from('whole'), { onHead })).over;
  t.strictSame(whole.events, ['head', 'lost']);
  t.strictSame(gone, ['bad'], 'the server need not go on');
  t.match(errors, [{ message: 'thrown by who waits for it' }]);
  release.resolve();
  t.equal(text(await other.over), 'done');
  t.equal(sockets.length, 1);
});

t.test('when the connection is lost so are its answers, and the next request makes another', async (t) => {
  const gone: string[] = [];
  const { url, sockets } = await serve(t, {
    never: (answer, body) => new Promise(() => answer.onGone(() => gone.push(body.toString()))),
  });
  const client = connect(t, url);
  const first = await askNow(client, { ask: 'never' }, Buffer.from('a'));
  const second = await askNow(client, { ask: 'never' }, Buffer.from('b'));
  await roundTrip(client);
  sockets[0]?.resetAndDestroy();
  for (const told of [await first.over, await second.over]) {
    t.strictSame(told.events, ['lost']);
    t.match(told.error, {
      name: 'ChannelError',
      message: 'the connection was lost',
      cause: { code: 'ECONNRESET' },
    });
    told.exchange.passedOn(WINDOW_BYTES);
    told.exchange.leave();
  }
  t.strictSame(gone, ['a', 'b'], 'the server knows it, too');
  const third = await (await askNow(client, { ask: 'echo' }, Buffer.from('again'))).over;
  t.equal(text(third), 'again');
  t.equal(sockets.length, 2);
});

t.test('the end of the other side is an end, though its process went in an orderly way', async (t) => {
  const { url, sockets } = await serve(t, { never: () => new Promise(() => undefined) });
  const client = connect(t, url);
  const told = await askNow(client, { ask: 'never' });
  await roundTrip(client);
  sockets[0]?.end();
  t.strictSame((await told.over).events, ['lost']);
  t.equal(text(await (await askNow(client, { ask: 'echo' }, Buffer.from('again'))).over), 'again');
});

t.test('asked on a connection that was lost meanwhile', async (t) => {
  const { url, sockets, asked } = await serve(t);
  const client = connect(t, url);
  await roundTrip(client);
  const channel = await client.channel();
  sockets[0]?.destroy();
  while (client.channel() === channel) await turn();
  const ending = ask(channel, { ask: 'late' });
  t.strictSame(ending.events, [], 'nothing is told before it returns');
  t.strictSame((await ending.over).events, ['lost']);
  const closed = ask(channel, { ask: 'later' });
  closed.exchange.leave();
  t.strictSame((await ask(channel, { ask: 'latest' }).over).events, ['lost']);
  t.strictSame(closed.events, []);
  t.strictSame(asked, ['echo'], 'none of it was');
});

t.test('where no connection can be made, nothing is asked', async (t) => {
  const { url, asked } = await serve(
    t,
    {},
    {
      refuse: ({ url: path, headers }) => {
        if (path !== '/channel') return 404;
        return headers['x-secret'] === 'known' ? null : 401;
      },
    },
  );
  const headers = () => ({ 'x-secret': 'known' });
  const gone = createTcpServer();
  const goneUrl = await listenServerOnFreePort(t, gone);
  await new Promise((resolve) => gone.close(resolve));
  const held: Socket[] = [];
  const silentUrl = await listenServerOnFreePort(
    t,
    createTcpServer((socket) => held.push(socket)),
  );
  t.teardown(() => {
    for (const socket of held) socket.destroy();
  });
  const rudeUrl = await listenServerOnFreePort(
    t,
    createTcpServer((socket) => socket.destroy()),
  );
  const plainUrl = await listenServerOnFreePort(
    t,
    createHttpServer((_request, response) => response.end('hello')),
  );

  const cases: [string, Partial<ChannelClientOptions>, object][] = [
    ['nobody listens', { url: goneUrl }, { code: 'ECONNREFUSED' }],
    ['unknown client', {}, { message: 'it answered 401' }],
    ['unknown path', { headers, path: '/other' }, { message: 'it answered 404' }],
    ['other protocol', { headers, protocol: 'other' }, { message: 'it answered 426' }],
    ['a server without channels', { url: plainUrl }, { message: 'it answered 200' }],
    ['a server that hangs up', { url: rudeUrl }, { code: 'ECONNRESET' }],
    ['no answer', { url: silentUrl, connectTimeoutMs: 50 }, { message: 'no answer in time' }],
  ];
  for (const [name, options, cause] of cases) {
    const client = connect(t, url, options);
    const [first, second] = await Promise.allSettled([client.channel(), client.channel()]);
    for (const one of [first, second]) {
      t.match(one, { status: 'rejected', reason: { name: 'ChannelError', cause } }, name);
      t.ok((one as PromiseRejectedResult).reason instanceof ChannelError);
    }
  }
  t.strictSame(asked, []);

  // a client that was refused may be let in later
  let secret = 'unknown';
  const client = connect(t, url, { headers: () => ({ 'x-secret': secret }) });
  await t.rejects(async () => client.channel(), ChannelError);
  secret = 'known';
  await roundTrip(client);
  t.strictSame(asked, ['echo']);
});

t.test('requests that meet while a connection is made share it', async (t) => {
  const { url, sockets } = await serve(t);
  const client = connect(t, url);
  await Promise.all(Array.from({ length: 20 }, () => roundTrip(client)));
  t.equal(sockets.length, 1);
});

t.test('a server that drains ends what has begun, and takes nothing new', async (t) => {
  const release = Promise.withResolvers<void>();
  const { url, channels, asked } = await serve(t, {
    slow: async (answer) => {
      answer.begin(OK);
      void answer.write(Buffer.from('begun, '));
      await release.promise;
      void answer.write(Buffer.from('ended'));
      answer.end();
    },
  });
  const other = await serve(t);
  const client = connect(t, url);
  const idle = connect(t, url);
  await roundTrip(idle);
  const told = await askNow(client, { ask: 'slow' });
  await told.received(7);

  let drained = false;
  const draining = channels.drain().then(() => {
    drained = true;
  });
  const again = channels.drain();
  // the connection that is in use is left alone, and the next one is refused
  while (!(client.channel() instanceof Promise)) await turn();
  await t.rejects(async () => client.channel(), {
    name: 'ChannelError',
    cause: { message: 'it answered 503' },
  });
  await t.rejects(async () => idle.channel(), ChannelError);
  await roundTrip(connect(t, other.url));
  t.equal(drained, false);
  t.strictSame(told.events, ['head', 'data']);
  release.resolve();
  t.equal(text(await told.over), 'begun, ended');
  await draining;
  await again;
  t.strictSame(asked, ['echo', 'slow']);
  await channels.drain();
});

t.test('a server without clients has drained at once', async (t) => {
  const { channels } = await serve(t);
  await channels.drain();
});

t.test('requests that cross a draining server are served', async (t) => {
  let drained: Promise<void> | undefined;
  const { url, channels, asked } = await serve(t, {
    drain: (answer) => {
      // the client reads this answer and the word to leave together
      answer.whole(OK, Buffer.from('draining'));
      drained = channels.drain();
    },
  });
  const client = connect(t, url);
  await roundTrip(client);
  const channel = await client.channel();
  const late = Promise.withResolvers<Told>();
  const first = ask(channel, { ask: 'drain' }, EMPTY, {
    // given to someone before the word to leave is read, used after
    onHead: async () => late.resolve(ask(await client.channel(), { ask: 'echo' }, Buffer.from('late'))),
  });
  const second = ask(channel, { ask: 'echo' }, Buffer.from('second'));
  t.equal(text(await first.over), 'draining');
  t.equal(text(await second.over), 'second');
  t.equal(text(await (await late.promise).over), 'late');
  await drained;
  t.strictSame(asked, ['echo', 'drain', 'echo', 'echo']);
});

t.test('a server that drops its clients', async (t) => {
  const gone = Promise.withResolvers<void>();
  const { url, channels } = await serve(t, {
    never: (answer) => new Promise(() => answer.onGone(gone.resolve)),
  });
  const told = await askNow(connect(t, url), { ask: 'never' });
  await roundTrip(connect(t, url));
  const drained = channels.drain();
  channels.drop();
  t.strictSame((await told.over).events, ['lost']);
  await gone.promise;
  await drained;
});

t.test('a client that does not keep to the frames is cut off, and no other', async (t) => {
  const gone: string[] = [];
  const { url, errors, asked } = await serve(
    t,
    { never: (answer) => new Promise(() => answer.onGone(() => gone.push('gone'))) },
    { maxRequestBytes: 1000 },
  );
  const client = connect(t, url);
  const running = await askNow(client, { ask: 'never' });
  await roundTrip(client);
  const question = encodeHead(FRAME.request, 1, { ask: 'never' });
  const prefix = (length: number) => {
    const frame = encodeFrame(FRAME.request, 1);
    frame.writeUInt32BE(length);
    return frame;
  };
  const cases: [string, Buffer[], number][] = [
    ['a frame of type 0', [encodeFrame(0 as FrameType, 1)], 0],
    ['a frame of type 2', [question, encodeFrame(FRAME.answer, 1)], 1],
    ['a frame of 1001 bytes', [prefix(1001)], 0],
    ['a frame without its head', [encodeFrame(FRAME.request, 1)], 0],
    ['a head that ends beyond its frame', [encodeFrame(FRAME.request, 1, Buffer.from([0, 0, 0, 3, 1]))], 0],
    ['a head that is not JSON', [encodeFrame(FRAME.request, 1, Buffer.from([0, 0, 0, 1, 1]))], 0],
    ['a credit is four bytes', [question, encodeFrame(FRAME.credit, 1, Buffer.alloc(3))], 1],
    ['an exchange begun twice', [question, question], 1],
    ['a frame of 1195725856 bytes', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], 0],
  ];
  for (const [message, frames, begun] of cases) {
    const before = asked.length;
    const raw = await connectRaw(t, url);
    raw.resume();
    raw.write(Buffer.concat([...frames, question]));
    await once(raw, 'close');
    t.match(errors.splice(0), [{ name: 'FrameError', message }], message);
    t.equal(asked.length, before + begun, 'what came after it was not read');
    t.equal(gone.splice(0).length, begun);
  }

  // frames of exchanges that are over, or never were, may cross
  const raw = await connectRaw(t, url);
  raw.write(Buffer.concat([encodeFrame(FRAME.cancel, 9), encodeFrame(FRAME.credit, 9, Buffer.alloc(4))]));
  raw.write(encodeFrame(FRAME.ping, 0));
  const [pong] = (await once(raw, 'data')) as [Buffer];
  t.strictSame(pong, encodeFrame(FRAME.ping, 0));

  // and some come with the request to upgrade
  const early = httpRequest(`${url}/channel`, {
    agent: false,
    headers: { connection: 'upgrade', upgrade: PROTOCOL },
  });
  early.on('error', () => undefined);
  early.flushHeaders();
  const [socket] = (await once(early, 'socket')) as [Socket];
  socket.write(Buffer.concat([encodeFrame(0 as FrameType, 1), question]));
  const [, upgraded] = (await once(early, 'upgrade')) as [unknown, Socket];
  upgraded.on('error', () => undefined);
  upgraded.resume();
  await once(upgraded, 'close');
  t.match(errors.splice(0), [{ message: 'a frame of type 0' }]);

  await roundTrip(client);
  t.strictSame(running.events, [], 'the client that does is not disturbed');
});

t.test('a request that is too large costs the connection', async (t) => {
  const { url, errors, asked } = await serve(t, {}, { maxRequestBytes: 1000 });
  const client = connect(t, url);
  const told = await (await askNow(client, { ask: 'echo' }, Buffer.alloc(1000))).over;
  t.strictSame(told.events, ['lost']);
  t.match(told.error, { name: 'ChannelError', message: 'the connection was lost' });
  t.match(errors, [{ name: 'FrameError' }]);
  t.strictSame(asked, []);
  const fits =
    1000 - (encodeHead(FRAME.request, 1, { ask: 'echo' }).length - encodeFrame(FRAME.request, 1).length);
  t.strictSame((await (await askNow(client, { ask: 'echo' }, Buffer.alloc(fits))).over).events, [
    'head',
    'data',
    'end',
  ]);
});

t.test('a server that does not keep to the frames is left', async (t) => {
  const answers: [Buffer, string][] = [
    [encodeFrame(FRAME.data, 1, Buffer.alloc(1001)), 'a frame of 1001 bytes'],
    [encodeFrame(FRAME.answer, 1), 'a frame without its head'],
    [encodeFrame(FRAME.request, 1), 'a frame of type 1'],
  ];
  for (const [frame, message] of answers) {
    const url = await serveRaw(t, (socket) =>
      socket.once('data', () => socket.write(Buffer.concat([frame, encodeHead(FRAME.answer, 1, OK)]))),
    );
    const told = await (await askNow(connect(t, url, { maxFrameBytes: 1000 }), { ask: 'echo' })).over;
    t.strictSame(told.events, ['lost'], 'what came after it was not read');
    t.match(told.error, { name: 'ChannelError', cause: new FrameError(message) }, message);
  }
});

t.test('frames that come with the answer to the upgrade are read', async (t) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () =>
      socket.write(
        Buffer.concat([
          Buffer.from(`HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: ${PROTOCOL}\r\n\r\n`),
          encodeHead(FRAME.answer, 1, OK),
          encodeFrame(FRAME.leave, 0),
        ]),
      ),
    );
    socket.on('end', () => socket.end());
  });
  const url = await listenServerOnFreePort(t, server);
  const client = connect(t, url);
  const told = await (await askNow(client, { ask: 'anything' })).over;
  t.strictSame(told.events, ['head', 'end']);
  await client.close();
});

t.test('who is silent has gone', async (t) => {
  // pings, and the watch for them, only run as the test says
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const pass = (ms: number) => mock.timers.tick(ms);

  await t.test('a server that says nothing is given up', async (t) => {
    const heard = new EventEmitter();
    let bytes = 0;
    const url = await serveRaw(t, (socket) =>
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        heard.emit('data');
      }),
    );
    const client = connect(t, url);
    const told = await askNow(client, { ask: 'anything' });
    const request = encodeHead(FRAME.request, 1, { ask: 'anything' }).length;
    const ping = encodeFrame(FRAME.ping, 0).length;
    for (const pings of [1, 2, 3]) {
      pass(5_000);
      while (bytes < request + pings * ping) await once(heard, 'data');
    }
    t.strictSame(told.events, []);
    pass(5_000);
    t.strictSame((await told.over).events, ['lost']);
    t.match(told.error, { name: 'ChannelError', cause: { message: 'the other side is silent' } });
    t.equal(bytes, request + 3 * ping);
  });

  await t.test('pings keep a connection that has nothing to tell', async (t) => {
    const release = Promise.withResolvers<void>();
    const { url, sockets } = await serve(t, {
      late: async (answer) => {
        await release.promise;
        answer.whole(OK, Buffer.from('late'));
      },
    });
    const client = connect(t, url);
    const told = await askNow(client, { ask: 'late' });
    await roundTrip(client);
    for (let passed = 0; passed < 120_000; passed += 5_000) {
      const pinged = once(sockets[0] as Socket, 'data');
      pass(5_000);
      await pinged;
      await turn();
    }
    release.resolve();
    t.equal(text(await told.over), 'late');
    t.equal(sockets.length, 1);
  });

  await t.test('a client that says nothing is given up, though it is written to', async (t) => {
    const begun = Promise.withResolvers<Answer>();
    const gone = Promise.withResolvers<void>();
    const { url, channels } = await serve(t, {
      never: (answer) => {
        answer.onGone(gone.resolve);
        answer.begin(OK);
        begun.resolve(answer);
        return gone.promise;
      },
    });
    const raw = await connectRaw(t, url);
    raw.write(encodeHead(FRAME.request, 1, { ask: 'never' }));
    const answer = await begun.promise;
    for (let passed = 0; passed < 59_000; passed += 1_000) {
      pass(1_000);
      void answer.write(Buffer.from('beat'));
      await once(raw, 'data');
    }
    t.equal(answer.isGone(), false);
    pass(1_000);
    await gone.promise;
    t.equal(answer.isGone(), true);
    const drained = channels.drain();
    raw.resume();
    await once(raw, 'close');
    await drained;
  });
});

t.test('many exchanges at once all get their own answer', async (t) => {
  const count = 500;
  const maxBytes = 300_000;
  /** The same for the same number, and another for each. */
  const bytesOf = (index: number) =>
    Buffer.alloc(index % 50 === 0 ? 0 : (index * 7_919_993) % (maxBytes + 1), `<${index}>`);
  const wrong: string[] = [];
  let answered = 0;
  const { url, errors } = await serve(t, {
    // answers with other bytes than it was asked with, in each of the ways there are
    mirror: async (answer, body, { size = 0 }) => {
      if (!body.equals(bytesOf(size))) wrong.push(`request ${size}`);
      const bytes = bytesOf(size + count);
      if (size % 3 === 0) return answer.whole(OK, bytes);
      if (size % 3 === 1) await turn();
      answer.begin(OK);
      const step = 1 + ((size * 1_009) % 100_000);
      for (let at = 0; at < bytes.length; at += step) await answer.write(bytes.subarray(at, at + step));
      answer.end();
    },
  });
  const client = connect(t, url);
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      // some together, and some while others run
      for (let waited = 0; waited < index % 7; waited += 1) await turn();
      const told = await (await askNow(client, { ask: 'mirror', size: index }, bytesOf(index))).over;
      const isWhole = told.events.at(-1) === 'end';
      if (!isWhole || !Buffer.concat(told.pieces).equals(bytesOf(index + count)))
        wrong.push(`answer ${index}`);
      answered += 1;
    }),
  );
  t.equal(answered, count);
  t.strictSame(wrong, []);
  t.strictSame(errors, []);
});

t.test('short requests do not wait behind large ones', async (t) => {
  const large = Buffer.alloc(16 * 1024 * 1024);
  const { url, server, sockets } = await serve(t, {
    count: (answer, body) => answer.whole(OK, Buffer.from(String(body.length))),
  });
  // given a server that reads nothing but what comes over the second connection
  server.on('upgrade', (_request, socket) => {
    if (socket !== sockets[1]) socket.pause();
  });
  const client = connect(t, url);
  const first = await client.channel();
  const told = [ask(first, { ask: 'count' }, large)];
  await turn();

  // when the next ones come, then the first of them has another connection made, and the rest find it
  t.equal(client.channel(), first);
  while (client.channel() === first) await turn();
  for (let round = 0; round < 5; round += 1) await roundTrip(client);
  t.equal(sockets.length, 2);
  t.strictSame(told[0]?.events, []);

  // when all are filled, there are no more than eight
  sockets[1]?.pause();
  const filled = new Set<unknown>([first]);
  while (filled.size < 8) {
    const channel = await client.channel();
    if (!filled.has(channel)) {
      filled.add(channel);
      told.push(ask(channel, { ask: 'count' }, large));
    }
    await turn();
  }
  for (let round = 0; round < 10; round += 1) {
    t.ok(filled.has(client.channel()));
    await turn();
  }
  t.equal(sockets.length, 8);
  for (const socket of sockets) socket.resume();
  for (const one of told) t.equal(text(await one.over), String(large.length));
});

t.test('a client that is closed waits for what it has asked, and asks no more', async (t) => {
  const release = Promise.withResolvers<void>();
  const { url, sockets } = await serve(t, {
    slow: async (answer) => {
      await release.promise;
      answer.whole(OK, Buffer.from('done'));
    },
  });
  const client = connect(t, url);
  const told = await askNow(client, { ask: 'slow' });
  let hasClosed = false;
  const closed = client.close().then(() => {
    hasClosed = true;
  });
  await t.rejects(async () => client.channel(), { name: 'ChannelError', message: 'closed' });
  await roundTrip(connect(t, url));
  t.equal(hasClosed, false);
  release.resolve();
  t.equal(text(await told.over), 'done');
  await closed;
  t.equal(sockets[0]?.destroyed, true);
  await client.close();

  // closed while it makes its connection: whoever waits for that is served
  const hasty = connect(t, url);
  const asking = askNow(hasty, { ask: 'echo' }, Buffer.from('in time'));
  await Promise.all([hasty.close(), asking.then(async ({ over }) => t.equal(text(await over), 'in time'))]);

  // and nothing is left of one that could make none
  const vain = connect(t, url, { path: '/other' });
  const refused = t.rejects(async () => vain.channel(), ChannelError);
  await vain.close();
  await refused;
  await connect(t, url).close();
});

t.test('a connection is renewed after so many exchanges, and goes on until the last is over', async (t) => {
  const release = Promise.withResolvers<void>();
  const { url, sockets } = await serve(t, {
    slow: async (answer) => {
      await release.promise;
      answer.whole(OK, Buffer.from('done'));
    },
  });
  const client = connect(t, url, { exchangesPerConnection: 3 });
  const told = await askNow(client, { ask: 'slow' });
  for (let round = 0; round < 6; round += 1) await roundTrip(client);
  t.equal(sockets.length, 3);
  if (!sockets[1]?.destroyed) await once(sockets[1] as Socket, 'close');
  t.strictSame(
    sockets.map(({ destroyed }) => destroyed),
    [false, true, false],
  );
  release.resolve();
  t.equal(text(await told.over), 'done');
  await once(sockets[0] as Socket, 'close');
});
