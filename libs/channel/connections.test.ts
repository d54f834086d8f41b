/** What becomes of connections: how they are made, shared, kept, drained, lost and renewed. */
import { EventEmitter, once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { listenServerOnFreePort } from '#libs/testing/http.ts';
import { type ChannelClientOptions, ChannelError } from './client.ts';
import {
  type Answer,
  ask,
  askNow,
  connect,
  connectRaw,
  EMPTY,
  OK,
  PROTOCOL,
  roundTrip,
  serve,
  serveRaw,
  type Told,
  text,
} from './fixtures.ts';
import { encodeFrame, encodeHead, FRAME } from './frames.ts';
import { WINDOW_BYTES } from './sender.ts';

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
