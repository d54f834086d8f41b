import { deflateRawSync } from 'node:zlib';
import t from 'tap';
import { secondsBound } from '#libs/pipelines/audio.ts';
import { RECORDINGS } from '#libs/testing/recordings.ts';
import { sniffAudio } from './form.ts';
import { readDuration } from './read-duration.ts';

const sniff = async (bytes: Buffer) => (await sniffAudio({ name: 'talk', type: 'audio/mpeg', bytes })).type;

async function boundOf(bytes: Buffer, whole = bytes): Promise<number> {
  const type = await sniff(whole);
  return secondsBound(await readDuration(bytes, type), bytes.length, type);
}

t.test('given a recording of each format, then its seconds are read', async (t) => {
  for (const [format, create] of Object.entries(RECORDINGS)) t.equal(await boundOf(create(7)), 7, format);
});

t.test('given a header that states a second of many, then the bytes bound it', async (t) => {
  for (const [format, create] of Object.entries(RECORDINGS))
    t.ok((await boundOf(create(1_000, 1))) >= 1_000, format);
});

t.test('given files that are cut or damaged, then there is a bound for all of them', async (t) => {
  for (const [format, create] of Object.entries(RECORDINGS)) {
    const whole = create(7);
    for (const bytes of [whole.subarray(0, whole.length >> 1), damaged(whole)]) {
      const seconds = await boundOf(bytes, whole);
      t.ok(Number.isSafeInteger(seconds) && seconds >= 1, `${format}: ${seconds}`);
    }
  }
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
