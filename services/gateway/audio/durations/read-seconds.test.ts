import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import type { FileSource } from '#libs/contracts/file-source.ts';
import { RECORDINGS } from '#libs/testing/recordings.ts';
import { sniffAudio } from '../form.ts';
import { readSeconds } from './read-seconds.ts';

const fileOf = (bytes: Buffer): FileSource => ({
  size: bytes.length,
  read: async function* () {
    yield bytes;
  },
});
const sniff = (bytes: Buffer) => sniffAudio(fileOf(bytes));

async function secondsOf(bytes: Buffer, whole = bytes): Promise<number> {
  return readSeconds(fileOf(bytes), await sniff(whole));
}

t.test('given a recording of each format, then its seconds are counted', async (t) => {
  for (const [format, create] of Object.entries(RECORDINGS)) t.equal(await secondsOf(create(7)), 7, format);
});

t.test(
  'given a header that states a second, or none, of many, then they are counted all the same',
  async (t) => {
    for (const [format, create] of Object.entries(RECORDINGS)) {
      t.equal(await secondsOf(create(1_000, 1)), 1_000, format);
      t.equal(await secondsOf(create(64, 0)), 64, format);
    }
  },
);

t.test('given codecs whose frames are not counted, then their bytes bound the seconds', async (t) => {
  const { m4a, ogg, wav, webm } = RECORDINGS;
  const changed = (bytes: Buffer | undefined, from: string, to: string) =>
    Buffer.from(String(bytes?.toString('latin1')).replaceAll(from, to), 'latin1');
  const files = {
    'AC-3 in MP4': changed(m4a?.(60, 1), 'mp4a', 'ac-3'),
    'Speex in Ogg': changed(ogg?.(60, 1), 'OpusHead', 'Speex   '),
    'ADPCM in WAV': changed(wav?.(60, 1), 'fmt \x10\x00\x00\x00\x01', 'fmt \x10\x00\x00\x00\x02'),
    'AAC in WebM': changed(webm?.(60, 1), 'A_OPUS', 'A_AAC\0'),
  };
  for (const [name, bytes] of Object.entries(files))
    t.equal(await secondsOf(bytes), Math.ceil((bytes.length * 8) / 6_000), name);
});

t.test('given files that are cut or damaged, then there is a bound for all of them', async (t) => {
  for (const [format, create] of Object.entries(RECORDINGS)) {
    const whole = create(7);
    for (const bytes of [whole.subarray(0, whole.length >> 1), damaged(whole)]) {
      const seconds = await secondsOf(bytes, whole);
      t.ok(Number.isSafeInteger(seconds) && seconds >= 1, `${format}: ${seconds}`);
    }
  }
});

t.test('given eight recordings of 24 MiB at once, then all are counted in turn', async (t) => {
  const large = RECORDINGS.wav?.(3_140) as Buffer;
  const counted = await Promise.all(Array.from({ length: 8 }, () => secondsOf(large)));
  t.strictSame(counted, Array(8).fill(3_140));
});

t.test('given what is no recording, then it is refused by its content', async (t) => {
  const bomb = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), deflateRawSync(Buffer.alloc(1 << 24))]);
  const files = {
    text: Buffer.from('not audio'),
    html: Buffer.from('<html><audio src=x></html>'),
    pdf: Buffer.from('%PDF-1.7\n'),
    png: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    bomb,
    empty: Buffer.alloc(0),
  };
  for (const [name, bytes] of Object.entries(files))
    await t.rejects(sniff(bytes), { code: 'invalid_request', fields: { param: 'file' } }, name);
});

/** Everything behind the head is noise. */
function damaged(whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  for (let at = 64; at < bytes.length; at += 3) bytes[at] = (at * 31) & 0xff;
  return bytes;
}
