import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createLocalStorage } from '#libs/storage/local-storage.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { CALLER } from '../fixtures.ts';
import { isValidLink } from './domain.ts';
import { mediaTasks } from './jobs.ts';
import { createSaveMedia, linkTo } from './media-links.ts';
import { findMedia, listMediaFiles } from './store.ts';

const HOUR_MS = 3_600_000;
const folder = mkdtempSync(path.join(tmpdir(), 'inkmeter-media-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const { pool } = await createTestDatabase(t);
const runtime = createFakeRuntime();
const options = {
  database: createDatabase(pool),
  storage: createLocalStorage(folder),
  runtime,
  publicUrl: 'https://api.example.com',
  retentionMs: 48 * HOUR_MS,
};
const save = createSaveMedia(options);
const file = { bytes: Buffer.from('picture'), mediaType: 'image/png' };

const queryOf = (url: string) => {
  const { searchParams } = new URL(url);
  return { expires: Number(searchParams.get('expires')), signature: searchParams.get('signature') ?? '' };
};

t.test('given a stored file, then its URL works for a day, and for no other file or time', async (t) => {
  const { id, url } = await save(CALLER, file);
  t.ok(url.startsWith(`https://api.example.com/api/media/${id}/content?expires=`));
  const row = await findMedia(options.database, id);
  if (row === undefined) throw new Error('The file has no row.');
  t.match(row, { mediaType: 'image/png', sizeBytes: 7, accountId: CALLER.accountId });
  t.notMatch(url, new RegExp(row.storageKey.slice(6)), 'the key stays secret');
  const link = queryOf(url);
  const now = runtime.clock.now();
  const after = (hours: number) => new Date(now.getTime() + hours * HOUR_MS);
  t.equal(isValidLink(row, link, now), true);
  t.equal(isValidLink(row, link, after(23)), true);
  t.equal(isValidLink(row, link, after(24)), false);
  t.equal(isValidLink(row, { ...link, expires: link.expires + 1 }, now), false);
  t.equal(isValidLink(row, { ...link, signature: '0'.repeat(64) }, now), false);
  const other = await findMedia(options.database, (await save(CALLER, file)).id);
  t.equal(other && isValidLink(other, link, now), false);
});

t.test(
  'given its retention has passed, then the file and its row are deleted, and others stay',
  async (t) => {
    const before = readdirSync(path.join(folder, 'media')).length;
    runtime.clock.advance(47.5 * HOUR_MS);
    const { id } = await save(CALLER, file);
    const [task] = mediaTasks(options);
    const run = () =>
      task?.run(
        {},
        { signal: new AbortController().signal, logger: createLogger({ name: 'test', level: 'silent' }) },
      );
    await run();
    t.equal(readdirSync(path.join(folder, 'media')).length, before + 1, 'nothing is too early');
    const list = () => listMediaFiles(options.database, CALLER.accountId, { limit: 20 }, runtime.clock.now());
    const expiring = (await list()).find((row) => row.id !== id);
    const link = expiring && queryOf((await linkTo(options, expiring)).url);
    t.equal((link?.expires ?? 0) * 1000, expiring?.expiresAt.getTime(), 'no URL outlives its file');
    runtime.clock.advance(HOUR_MS);
    await run();
    t.strictSame(
      (await list()).map((row) => row.id),
      [id],
    );
    t.equal(readdirSync(path.join(folder, 'media')).length, 1);
  },
);
