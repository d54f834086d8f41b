/** Recordings of each format as encoders write them: silent, with a header that may state another length than they have. */
import { silence, silentMp3 } from '#libs/simulators/audio.ts';

const FRAMES_PER_SECOND = 50;
const FRAME_BYTES = 80;
/** A mono packet of Opus with 20 ms of speech at 32 kbit/s. */
const OPUS_PACKET = Buffer.concat([Buffer.from([0x08]), Buffer.alloc(FRAME_BYTES - 1, 0x55)]);

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

/** @param stated the length that the size of its samples states. */
function wav(seconds: number, stated = seconds): Buffer {
  const file = silence(seconds);
  file.writeUInt32LE(stated * 8_000, 40);
  return file;
}

/** Frames of 4,096 equal samples. @see https://www.rfc-editor.org/rfc/rfc9639#section-9 */
function flac(seconds: number, stated = seconds): Buffer {
  const rate = 16_000;
  const info = Buffer.alloc(34);
  info.writeUInt16BE(4_096, 0);
  info.writeUInt16BE(4_096, 2);
  // the rate in 20 bits, channels and bits in 3 and 5, samples in 36
  info.writeBigUInt64BE((BigInt(rate) << 44n) | (15n << 36n) | BigInt(Math.round(stated * rate)), 10);
  const frames: Buffer[] = [];
  for (let left = seconds * rate; left > 0; left -= 4_096) {
    // 16 bits for its samples, the rate of the stream, one channel, 16 bits a sample, as frame 0
    const head = Buffer.concat([Buffer.from([0xff, 0xf8, 0x70, 0x08, 0]), u16(Math.min(left, 4_096) - 1)]);
    const frame = Buffer.concat([head, checksum(head, 0x07, 8), Buffer.from([0, 0x12, 0x34])]);
    frames.push(frame, checksum(frame, 0x8005, 16));
  }
  return Buffer.concat([Buffer.from('fLaC'), Buffer.from([0x80, 0, 0, 34]), info, ...frames]);
}

function checksum(bytes: Buffer, polynomial: number, bits: 8 | 16): Buffer {
  const top = 1 << (bits - 1);
  const mask = 2 ** bits - 1;
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << (bits - 8);
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & top ? polynomial : 0)) & mask;
  }
  return bits === 8 ? Buffer.from([crc]) : u16(crc);
}

/** Opus, a page for each second. @see https://datatracker.ietf.org/doc/html/rfc7845 */
function ogg(seconds: number, stated = seconds): Buffer {
  const head = Buffer.from('OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00', 'latin1');
  const tags = Buffer.from('OpusTags\x04\x00\x00\x00test\x00\x00\x00\x00', 'latin1');
  const second = Array<Buffer>(FRAMES_PER_SECOND).fill(OPUS_PACKET);
  const pages = [page(0, 2, 0, [head]), page(1, 0, 0, [tags])];
  for (let number = 1; number <= seconds; number += 1) {
    const isLast = number === seconds;
    const position = Math.round((isLast ? stated : Math.min(number, stated)) * 48_000);
    pages.push(page(number + 1, isLast ? 4 : 0, position, second));
  }
  return Buffer.concat(pages);
}

/** @param packets of less than 255 bytes. */
function page(number: number, flags: number, position: number, packets: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(27);
  head.write('OggS', 'latin1');
  head.writeUInt8(flags, 5);
  head.writeBigUInt64LE(BigInt(position), 6);
  head.writeUInt32LE(7, 14);
  head.writeUInt32LE(number, 18);
  head.writeUInt8(packets.length, 26);
  return Buffer.concat([head, Buffer.from(packets.map(({ length }) => length)), ...packets]);
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
  // of track 1, at the start of its cluster
  const block = element('a3', Buffer.from([0x81, 0, 0, 0]), OPUS_PACKET);
  const blocks = Array<Buffer>(FRAMES_PER_SECOND).fill(block);
  const clusters = Array.from({ length: seconds }, () => element('1f43b675', number('e7', 0), ...blocks));
  return Buffer.concat([
    element('1a45dfa3', ...header, number('4287', 4), number('4285', 2)),
    element('18538067', info, element('1654ae6b', track), ...clusters),
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
  const frames = Math.round((seconds * rate) / 1_024);
  const length = Math.round(stated * rate);
  const description = box('mp4a', zeros(6), u16(1), zeros(8), u16(1), u16(16), zeros(4), u16(rate), u16(0));
  const table = box(
    'stbl',
    box('stsd', zeros(4), u32(1), description),
    box('stts', zeros(4), u32(1), u32(frames), u32(Math.round(length / frames))),
    box('stsc', zeros(4), u32(1), u32(1), u32(frames), u32(1)),
    box('stsz', zeros(4), u32(FRAME_BYTES), u32(frames)),
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
    box('mdat', Buffer.alloc(frames * FRAME_BYTES, 0x55)),
    box('moov', movie, track),
  ]);
}

/** By extension: `seconds` of sound, and what the header states. */
export const RECORDINGS: Readonly<Record<string, (seconds: number, stated?: number) => Buffer>> = {
  mp3: silentMp3,
  m4a,
  wav,
  webm,
  ogg,
  flac,
};
