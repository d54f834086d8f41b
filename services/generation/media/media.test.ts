import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import { createDatabase } from '#libs/db/database.ts';
import { runTaskOnce } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createLocalStorage } from '#libs/storage/local-storage.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { CALLER, OTHER_ACCOUNT } from '../fixtures.ts';
import { isValidLink } from './domain.ts';
import { mediaTasks } from './jobs.ts';
import { createSaveMedia, createSaveRecording, linkTo, type MediaOptions } from './media-links.ts';
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

const logger = createLogger({ name: 'test', level: 'silent' });
const runTask = (name: string, more: Partial<MediaOptions> = {}) =>
  runTaskOnce(mediaTasks({ ...options, ...more }), name, {}, logger);

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

t.test('given copies of one upload at once, then one file is stored', async (t) => {
  const before = readdirSync(path.join(folder, 'media')).length;
  const recording = { ...file, id: randomUUID(), seconds: 5 };
  const saveRecording = createSaveRecording(options);
  const saved = await Promise.all([1, 2, 3].map(() => saveRecording(CALLER, recording)));
  t.equal(new Set(saved.map(({ storageKey }) => storageKey)).size, 1);
  t.equal(readdirSync(path.join(folder, 'media')).length, before + 1);
});

t.test(
  'given its retention has passed, then the file and its row are deleted, and others stay',
  async (t) => {
    const before = readdirSync(path.join(folder, 'media')).length;
    runtime.clock.advance(47.5 * HOUR_MS);
    const { id } = await save(CALLER, file);
    const run = () => runTask('delete-expired-media');
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

t.test('given a plan with a retention, then it decides, also after the plan has changed', async (t) => {
  let days: number | null = 90;
  const entitlements = {
    get: async (accountId: string) =>
      testEntitlements({ caps: { retentionDays: accountId === OTHER_ACCOUNT ? null : days } }),
  };
  const saveFor = createSaveMedia({ ...options, entitlements });
  const { id, url } = await saveFor(CALLER, file);
  const { id: otherId } = await saveFor({ ...CALLER, accountId: OTHER_ACCOUNT }, file);
  const keptHours = async (mediaId: string) => {
    const row = await findMedia(options.database, mediaId);
    return row && (row.expiresAt.getTime() - row.createdAt.getTime()) / HOUR_MS;
  };
  t.equal(await keptHours(id), 90 * 24);
  t.equal(await keptHours(otherId), 48, 'the default');

  days = 7;
  await runTask('apply-media-retention', { entitlements });
  t.equal(await keptHours(id), 7 * 24);
  t.equal(await keptHours(otherId), 48);
  runtime.clock.advance(7 * 24 * HOUR_MS);
  const row = await findMedia(options.database, id);
  t.equal(row && isValidLink(row, queryOf(url), runtime.clock.now()), false);
  await runTask('delete-expired-media', { entitlements });
  t.equal(await findMedia(options.database, id), undefined);
});

t.test('given billing that is down, then a file is stored with the default retention', async (t) => {
  const entitlements = { get: () => Promise.reject(new Error('Billing does not answer.')) };
  const { id } = await createSaveMedia({ ...options, entitlements })(CALLER, file);
  const row = await findMedia(options.database, id);
  t.equal(row && row.expiresAt.getTime() - row.createdAt.getTime(), 48 * HOUR_MS);
});
