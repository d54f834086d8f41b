import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import {
  createFrameReader,
  decodeCredit,
  decodeHead,
  encodeCredit,
  encodeFrame,
  encodeHead,
  FRAME,
  FrameError,
  type FrameType,
} from './frames.ts';

type Frame = { type: FrameType; exchange: number; payload: Buffer };

const MAX_BYTES = 1_000_000;
const EMPTY = Buffer.alloc(0);

/** What comes out when the chunks go in. */
function read(chunks: Buffer[], maxBytes = MAX_BYTES): Frame[] {
  const frames: Frame[] = [];
  const reader = createFrameReader(maxBytes, (type, exchange, payload) =>
    frames.push({ type, exchange, payload: Buffer.from(payload) }),
  );
  for (const chunk of chunks) reader(chunk);
  return frames;
}

/** Cuts bytes at these places, in any order and as often as they are named. */
function cut(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

t.test('a frame is its length, exchange, type and payload', async (t) => {
  t.equal(
    encodeFrame(FRAME.data, 258, Buffer.from('hi')).toString('hex'),
    '00000002' + '00000102' + '04' + '6869',
  );
  t.equal(encodeFrame(FRAME.ping, 0).toString('hex'), '00000000' + '00000000' + '09');
  t.equal(
    encodeHead(FRAME.answer, 1, { a: 1 }, 3).toString('hex'),
    '0000000e' + '00000001' + '02' + '00000007' + '7b2261223a317d',
    'the length counts the body, which follows',
  );
  t.equal(encodeCredit(0xffff_ffff, 65_536).toString('hex'), '00000004' + 'ffffffff' + '07' + '00010000');
});

t.test('a head and a body come back', async (t) => {
  const head = { model: 'größer', nested: { list: [1, null, '🙂'] } };
  for (const body of [EMPTY, Buffer.from('body'), Buffer.alloc(100_000, 7)]) {
    const [frame] = read([encodeHead(FRAME.request, 9, head, body.length), body]);
    t.match(frame, { type: FRAME.request, exchange: 9 });
    t.strictSame(decodeHead(frame?.payload ?? EMPTY), { head, body });
  }
  t.equal(decodeCredit(Buffer.from('00010000', 'hex')), 65_536);
});

t.test('however the bytes are cut, the same frames come out', async (t) => {
  const types = Object.values(FRAME);
  const frames = fc.array(
    fc.record(
      {
        type: fc.constantFrom(...types),
        exchange: fc.nat(0xffff_ffff),
        payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (sent, cuts) => {
      const bytes = sent.map(({ type, exchange, payload }) => encodeFrame(type, exchange, payload));
      return isDeepStrictEqual(read(cut(Buffer.concat(bytes), cuts)), sent);
    }),
    { numRuns: 500 },
  );
  const bytes = Buffer.concat([encodeFrame(FRAME.data, 1, Buffer.from('one')), encodeFrame(FRAME.end, 1)]);
  t.strictSame(
    read([...bytes].map((byte) => Buffer.of(byte))),
    [
      { type: FRAME.data, exchange: 1, payload: Buffer.from('one') },
      { type: FRAME.end, exchange: 1, payload: EMPTY },
    ],
    'byte by byte',
  );
});

t.test('a frame that is too large is refused before it is waited for', async (t) => {
  const frame = encodeFrame(FRAME.data, 1, Buffer.alloc(101));
  t.equal(read([frame], 101).length, 1);
  t.throws(() => read([frame.subarray(0, 9)], 100), new FrameError('a frame of 101 bytes'));
  const frames: FrameType[] = [];
  const reader = createFrameReader(100, (type) => frames.push(type));
  t.throws(() => reader(Buffer.concat([encodeFrame(FRAME.end, 1), frame])), FrameError);
  t.strictSame(frames, [FRAME.end], 'after those before it');
});

t.test('what does not decode', async (t) => {
  const cases: [string, Buffer][] = [
    ['a frame without its head', Buffer.from('000000', 'hex')],
    ['a head that ends beyond its frame', Buffer.from('000000037b7d', 'hex')],
    ['a head that ends beyond its frame', Buffer.from('ffffffff7b7d', 'hex')],
    ['a head that is not JSON', Buffer.from('000000017b', 'hex')],
    ['a head that is not JSON', Buffer.from('00000000', 'hex')],
  ];
  for (const [message, payload] of cases) {
    t.throws(() => decodeHead(payload), { name: 'FrameError', message }, payload.toString('hex'));
  }
  for (const length of [0, 3, 5]) {
    t.throws(() => decodeCredit(Buffer.alloc(length)), new FrameError('a credit is four bytes'));
  }
});

t.test('a large frame is put together once, and not kept', async (t) => {
  const payload = Buffer.alloc(20_000_000);
  for (let at = 0; at < payload.length; at += 1000) payload.writeUInt32BE(at, at);
  const next = encodeFrame(FRAME.data, 2, Buffer.from('next'));
  const bytes = Buffer.concat([encodeFrame(FRAME.data, 1, payload), next]);
  const lastPieces = 12;
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length - lastPieces; at += 65_536) {
    chunks.push(Buffer.from(bytes.subarray(at, Math.min(at + 65_536, bytes.length - lastPieces))));
  }
  chunks.push(Buffer.from(bytes.subarray(bytes.length - lastPieces)));

  const { concat } = Buffer;
  const joins = t.capture(Buffer, 'concat', concat);
  const frames: Frame[] = [];
  const reader = createFrameReader(payload.length, (type, exchange, part) =>
    frames.push({ type, exchange, payload: part }),
  );
  for (const chunk of chunks) reader(chunk);
  const calls = joins();

  t.strictSame(
    frames.map(({ exchange }) => exchange),
    [1, 2],
  );
  t.ok(frames[0]?.payload.equals(payload), 'as it was');
  t.equal(frames[1]?.payload.toString(), 'next');
  t.equal(calls.length, 2, 'once for each frame that came in pieces');
  const [begun] = (calls[1]?.args[0] ?? []) as Buffer[];
  t.equal(begun?.length, next.length - lastPieces);
  t.not(begun?.buffer, frames[0]?.payload.buffer, 'what is left of a chunk holds nothing but that chunk');
});
