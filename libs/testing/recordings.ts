/** Recordings of each format as encoders write them: silent, or without samples, but with a header that states their length. */
import { silence, silentMp3 } from '#libs/simulators/audio.ts';

/** Bytes of sound for each second, which decoders would not accept. */
const BYTES_PER_SECOND = 4_000;

const soundOf = (seconds: number) => Buffer.alloc(seconds * BYTES_PER_SECOND, 0x55);

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};

/** @param stated the length that the header states. */
function flac(seconds: number, stated = seconds): Buffer {
  const rate = 16_000;
  const info = Buffer.alloc(34);
  info.writeUInt16BE(4_096, 0);
  info.writeUInt16BE(4_096, 2);
  // the rate in 20 bits, channels and bits in 3 and 5, samples in 36
  info.writeBigUInt64BE((BigInt(rate) << 44n) | (15n << 36n) | BigInt(Math.round(stated * rate)), 10);
  return Buffer.concat([Buffer.from('fLaC'), Buffer.from([0x80, 0, 0, 34]), info, soundOf(seconds)]);
}

/** @see https://datatracker.ietf.org/doc/html/rfc7845 */
function ogg(seconds: number, stated = seconds): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00', 'latin1');
  const tags = Buffer.from('OpusTags\x04\x00\x00\x00test\x00\x00\x00\x00', 'latin1');
  const pages = [page(0, 2, 0, head), page(1, 0, 0, tags)];
  for (let second = 1; second <= seconds; second += 1) {
    const isLast = second === seconds;
    const position = Math.round((isLast ? stated : Math.min(second, stated)) * 48_000);
    pages.push(page(second + 1, isLast ? 4 : 0, position, soundOf(1)));
  }
  return Buffer.concat(pages);
}

function page(number: number, flags: number, position: number, body: Buffer): Buffer {
  const segments = Buffer.from([...Array(Math.floor(body.length / 255)).fill(255), body.length % 255]);
  const head = Buffer.alloc(27);
  head.write('OggS', 'latin1');
  head.writeUInt8(flags, 5);
  head.writeBigUInt64LE(BigInt(position), 6);
  head.writeUInt32LE(7, 14);
  head.writeUInt32LE(number, 18);
  head.writeUInt8(segments.length, 26);
  return Buffer.concat([head, segments, body]);
}

/** @see https://www.matroska.org/technical/elements.html */
function webm(seconds: number, stated = seconds): Buffer {
  const element = (id: string, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE((1n << 56n) | BigInt(body.length));
    return Buffer.concat([Buffer.from(id, 'hex'), size, body]);
  };
  const number = (id: string, value: number) => element(id, Buffer.from([value]));
  const double = (id: string, value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return element(id, bytes);
  };
  const text = (id: string, value: string) => element(id, Buffer.from(value));
  const header = [
    number('4286', 1),
    number('42f7', 1),
    number('42f2', 4),
    number('42f3', 8),
    text('4282', 'webm'),
  ];
  const audio = element('e1', double('b5', 48_000), number('9f', 1));
  const track = element(
    'ae',
    number('d7', 1),
    number('73c5', 1),
    number('83', 2),
    text('86', 'A_OPUS'),
    audio,
  );
  const info = element('1549a966', element('2ad7b1', u32(1_000_000)), double('4489', stated * 1_000));
  const cluster = element('1f43b675', number('e7', 0), element('a3', soundOf(seconds)));
  return Buffer.concat([
    element('1a45dfa3', ...header, number('4287', 4), number('4285', 2)),
    element('18538067', info, element('1654ae6b', track), cluster),
  ]);
}

/** @see https://developer.apple.com/documentation/quicktime-file-format */
function m4a(seconds: number, stated = seconds): Buffer {
  const rate = 16_000;
  const box = (type: string, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts);
    return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
  };
  const zeros = (count: number) => Buffer.alloc(count);
  const samples = Math.round((stated * rate) / 1_024);
  const length = samples * 1_024;
  const description = box('mp4a', zeros(6), u16(1), zeros(8), u16(1), u16(16), zeros(4), u16(rate), u16(0));
  const table = box(
    'stbl',
    box('stsd', zeros(4), u32(1), description),
    box('stts', zeros(4), u32(1), u32(samples), u32(1_024)),
    box('stsc', zeros(4), u32(1), u32(1), u32(samples), u32(1)),
    box('stsz', zeros(4), u32(128), u32(samples)),
    box('stco', zeros(4), u32(1), u32(40)),
  );
  const handler = box('hdlr', zeros(8), Buffer.from('soun'), zeros(13));
  const media = box(
    'mdia',
    box('mdhd', zeros(12), u32(rate), u32(length), zeros(4)),
    handler,
    box('minf', table),
  );
  const movie = box('mvhd', zeros(12), u32(rate), u32(length), zeros(80));
  const track = box('trak', box('tkhd', zeros(12), u32(1), zeros(4), u32(length), zeros(60)), media);
  return Buffer.concat([
    box('ftyp', Buffer.from('M4A '), u32(0), Buffer.from('M4A mp42isom')),
    box('mdat', soundOf(seconds)),
    box('moov', movie, track),
  ]);
}

/** By extension: `seconds` of sound, of which the header may state less. */
export const RECORDINGS: Readonly<Record<string, (seconds: number, stated?: number) => Buffer>> = {
  mp3: silentMp3,
  m4a,
  wav: (seconds) => silence(seconds),
  webm,
  ogg,
  flac,
};
