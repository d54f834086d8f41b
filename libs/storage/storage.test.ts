import { hash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
// @ts-expect-error it has no types
import S3rver from 's3rver';
import t from 'tap';
import { createLocalStorage } from './local-storage.ts';
import { createS3Storage } from './s3-storage.ts';
import type { StreamStorage } from './storage.ts';
import { FileTooLargeError, receiveFile } from './temporary-file.ts';

const BUCKET = 'media';

function folderOf(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `inkmeter-${name}-`));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const server = new S3rver({
  port: 0,
  address: '127.0.0.1',
  silent: true,
  directory: folderOf('s3'),
  configureBuckets: [{ name: BUCKET, configs: [] }],
});
const { port } = await server.run();
t.teardown(() => server.close());

const bucket = (more: object = {}) =>
  createS3Storage({
    endpoint: `http://127.0.0.1:${port}/`,
    bucket: BUCKET,
    region: 'us-east-1',
    accessKeyId: 'S3RVER',
    secretAccessKey: 'S3RVER',
    ...more,
  });
const localFolder = folderOf('local');

for (const [name, storage] of [
  ['local', createLocalStorage(localFolder)],
  ['s3', bucket()],
] as readonly (readonly [string, StreamStorage])[]) {
  t.test(`given ${name} storage, then a file is what was put, until it is deleted`, async (t) => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
    await storage.put('a1/image.png', { bytes, mediaType: 'image/png' });
    t.ok((await storage.get('a1/image.png'))?.equals(bytes));
    await storage.put('a1/image.png', { bytes: Buffer.from('new'), mediaType: 'image/png' });
    t.equal((await storage.get('a1/image.png'))?.toString(), 'new');
    await storage.delete('a1/image.png');
    t.equal(await storage.get('a1/image.png'), undefined);
    await storage.delete('a1/image.png');
    for (const key of ['../x', '/etc/passwd', 'a/../../b', '', 'A', 'a//b', '.a', 'a/..', 'x'.repeat(201)]) {
      await t.rejects(storage.put(key, { bytes, mediaType: 'image/png' }), RangeError, key);
      await t.rejects(async () => storage.get(key), RangeError, key);
    }
  });

  t.test(`given ${name} storage, then a file is written and read as a stream`, async (t) => {
    const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, index) => index % 251));
    const file = await receiveFile(Readable.from([bytes.subarray(0, 1_000), bytes.subarray(1_000)]), 600_000);
    t.match(file, { size: 600_000, sha256: hash('sha256', bytes) });
    await storage.put('streamed', { bytes: file, mediaType: 'audio/wav' });
    await file.close();
    await t.rejects(collect(file.read()), { code: 'EBADF' });
    const stored = await storage.open('streamed');
    t.equal(stored?.size, bytes.length);
    for (const _ of [1, 2]) t.ok((await collect(stored?.read() ?? [])).equals(bytes));
    t.equal(await storage.open('none'), undefined);
  });
}

t.test('given an upload that is too large, or ends too early, then nothing is left of it', async (t) => {
  const folder = folderOf('uploads');
  const { TMPDIR } = process.env;
  process.env.TMPDIR = folder;
  t.teardown(() => {
    process.env.TMPDIR = TMPDIR ?? '';
  });
  const failed = async function* () {
    yield Buffer.alloc(10);
    throw new Error('The client has left.');
  };
  await t.rejects(receiveFile(Readable.from([Buffer.alloc(6), Buffer.alloc(5)]), 10), FileTooLargeError);
  await t.rejects(receiveFile(failed(), 10), { message: 'The client has left.' });
  const file = await receiveFile(Readable.from([Buffer.alloc(10)]), 10);
  t.strictSame(readdirSync(folder), [], 'the file has no name');
  await file.close();
  await file.close();
  const storage = createLocalStorage(folder);
  const bytes = { size: 20, read: failed };
  await t.rejects(storage.put('one', { bytes, mediaType: 'audio/wav' }), { message: 'The client has left.' });
  t.strictSame(readdirSync(folder), []);
});

t.test('a partial file is never left in its place', async (t) => {
  const storage = createLocalStorage(localFolder);
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      storage.put('same', { bytes: Buffer.alloc(100_000, index), mediaType: 'image/png' }),
    ),
  );
  const bytes = await storage.get('same');
  t.equal(new Set(bytes).size, 1, 'one of the files, whole');
  t.notOk(readdirSync(localFolder).some((name) => name.endsWith('.part')));
});

t.test('a signed URL reads without credentials, until it expires', async (t) => {
  const storage = bucket();
  await storage.put('b/one.txt', { bytes: Buffer.from('one'), mediaType: 'text/plain' });
  const url = (await storage.signedUrl('b/one.txt', 60)) ?? '';
  const response = await fetch(url);
  t.equal(response.status, 200);
  t.equal(response.headers.get('content-type'), 'text/plain');
  t.equal(await response.text(), 'one');
  t.equal((await fetch(url.replace(/X-Amz-Date=\d+T/, 'X-Amz-Date=20200101T'))).status, 403);
  const signatureOf = (signed: string | null) => new URL(signed ?? '').searchParams.get('X-Amz-Signature');
  t.match(signatureOf(url), /^[0-9a-f]{64}$/);
  t.not(signatureOf(await storage.signedUrl('b/two.txt', 60)), signatureOf(url), 'of one file');
  const other = bucket({ secretAccessKey: 'other' });
  t.not(signatureOf(await other.signedUrl('b/one.txt', 60)), signatureOf(url), 'of one key');
  t.equal(await createLocalStorage(localFolder).signedUrl('same', 60), null);
});

t.test('given a bucket that does not exist, then the storage says so', async (t) => {
  const storage = bucket({ bucket: 'none' });
  const file = { bytes: Buffer.from('x'), mediaType: 'text/plain' };
  await t.rejects(storage.put('c', file), { message: 'The storage answered 404 to PUT.' });
  t.equal(await storage.get('c'), undefined);
});

async function collect(stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
