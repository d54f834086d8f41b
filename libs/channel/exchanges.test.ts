/** What becomes of exchanges: their answers, windows and losses. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import {
  askNow,
  connect,
  connectRaw,
  EMPTY,
  OK,
  PROTOCOL,
  type Question,
  roundTrip,
  serve,
  serveRaw,
  text,
} from './fixtures.ts';
import { encodeFrame, encodeHead, FRAME, FrameError, type FrameType } from './frames.ts';
import { WINDOW_BYTES } from './sender.ts';

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
