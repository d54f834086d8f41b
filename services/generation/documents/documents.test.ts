/** Documents: what a job leaves behind. */
import mammoth from 'mammoth';
import sharp from 'sharp';
import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { DocumentView } from '#libs/contracts/documents.ts';
import { createDatabase } from '#libs/db/database.ts';
import { createTestJobs, runTaskOnce } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { request } from '#libs/testing/http.ts';
import { CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { jobClient } from '../jobs/jobs.fixture.ts';
import { exportAs } from './export.ts';
import { type DocumentTaskOptions, documentTasks } from './jobs.ts';

const generation = await createTestGeneration(t);
const client = jobClient(generation);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const { requestId } = await client.submit({
  topic: 'Zielona herbata na co dzień',
  content_types: ['blog'],
  length: 'short',
});
await client.finish(requestId);
const [{ document_id: id = null } = {}] = (await client.get(requestId)).parts;
const path = `/api/documents/${id}`;

const edit = (body: object, caller = CALLER) =>
  request<DocumentView>(`${generation.url}${path}`, {
    method: 'PATCH',
    headers: generation.sign(path, { method: 'PATCH', caller }),
    body,
  });

t.test('given an article, then it has its fields and is listed', async (t) => {
  const { body } = await client.call<DocumentView>('GET', path);
  t.match(body, {
    content_type: 'blog',
    version: 1,
    source: 'generated',
    language: 'pl',
    generation_id: requestId,
  });
  t.match(body.content, {
    slug: /^zielona-herbata/,
    meta_description: String,
    words: Number,
    reading_minutes: 1,
  });
  t.match(body.markdown, /^# .+\n\n/);
  const list = await client.call<{ data: DocumentView[] }>(
    'GET',
    `/api/documents?generation_id=${requestId}`,
  );
  t.match(list.body.data, [{ id, title: body.title }]);
  t.notOk(list.body.data[0] && 'markdown' in list.body.data[0]);
});

t.test('given an edit, then it is a new version, unless there is a newer one', async (t) => {
  t.match(await edit({ markdown: '# Mine\n\nMy own words.', base_version: 1 }), {
    status: 200,
    body: { version: 2, source: 'edited', markdown: /My own/ },
  });
  t.match(await edit({ title: 'Late', base_version: 1 }), { status: 409, body: { code: 'conflict' } });
  t.match((await client.call<DocumentView>('GET', `${path}?version=1`)).body, {
    version: 1,
    source: 'generated',
  });
  t.match((await client.call(`GET`, `${path}/versions`)).body, {
    data: [{ version: 2, user_id: CALLER.userId }, { version: 1 }],
  });
  t.match(await edit({}), { status: 400 });
  t.match(await edit({ markdown: 'x'.repeat(200_001) }), { status: 400, body: { code: 'invalid_request' } });
  t.match(await client.call('GET', `${path}?version=9`), { status: 404 });
});

t.test('given a format, then the file has its type and name', async (t) => {
  for (const [format, type, start] of [
    ['markdown', /^text\/markdown/, '# Mine'],
    ['html', /^text\/html/, '<!doctype html>\n<html lang="pl">'],
    ['json', /^application\/json/, '{'],
    ['docx', /wordprocessingml/, 'PK'],
  ] as const) {
    const target = `${path}/export?format=${format}`;
    const response = await fetch(`${generation.url}${target}`, { headers: generation.sign(target) });
    t.match(response.headers.get('content-type'), type);
    t.match(
      response.headers.get('content-disposition'),
      /^attachment; filename="[a-z-]+\.(md|html|json|docx)"/,
    );
    t.ok((await response.text()).startsWith(start), format);
  }
  t.match(await client.call('GET', `${path}/export?format=pdf`), { status: 400 });
});

t.test('given hostile Markdown, then the HTML has no scripts and no other links', async (t) => {
  const markdown =
    '# Hi\n\nText <script>alert(1)</script>\n\n<script>alert(2)</script>\n\n[a](javascript:alert(1)) ![b](data:x) [c](https://x.org/?a="b")\n\n| a | b |\n| - | - |\n| **1** | 2 |';
  const input = { title: '<b>', language: 'en', markdown, json: {}, images: new Map(), brand: null };
  const html = (await exportAs('html', input)).body.toString();
  t.notMatch(html, /<script|javascript:|data:x|<b>/);
  t.match(html, /<a href="https:\/\/x\.org\/[^"]*" rel="noopener nofollow">c<\/a>/);
  t.ok((await exportAs('docx', input)).body.length > 1_000);
});

t.test('given lists, links and an image of the account, then Word and HTML files have them', async (t) => {
  const png = await sharp({ create: { width: 1_200, height: 800, channels: 3, background: '#204060' } })
    .png()
    .toBuffer();
  const owner = { ...CALLER, workspaceId: null };
  const { id: media } = await generation.app.saveMedia(owner, { bytes: png, mediaType: 'image/png' });
  const gone = '0190a1b2-0000-7000-8000-00000000e009';
  const markdown = [
    '# Ink',
    `![A blue field](/api/media/${media}) ![Lost](/api/media/${gone}) ![Far](https://x.org/a.png)`,
    '1. One\n   - Nested **bold**\n2. Two',
    'Then:',
    '1. Again [link](https://x.org/) [script](javascript:alert(1))',
  ].join('\n\n');
  t.equal((await edit({ markdown })).status, 200);
  const fileAs = async (format: string) => {
    const target = `${path}/export?format=${format}`;
    const response = await fetch(`${generation.url}${target}`, { headers: generation.sign(target) });
    return Buffer.from(await response.arrayBuffer());
  };
  const html = (await fileAs('html')).toString();
  t.match(html, /<img src="data:image\/png;base64,iVBOR[^"]+" alt="A blue field">/);
  t.match(html, /> Lost <img src="https:\/\/x\.org\/a\.png" alt="Far">/, 'an image that is gone is its text');

  // As Word reads it: mammoth is an independent reader.
  const { value, messages } = await mammoth.convertToHtml({ buffer: await fileAs('docx') });
  t.match(value, /<h1>Ink<\/h1>/);
  t.match(value, /<img alt="A blue field" src="data:image\/png;base64,/);
  t.match(value, /<ol><li>One<ul><li>Nested <strong>bold<\/strong><\/li><\/ul><\/li><li>Two<\/li>/);
  t.match(value, /<a href="https:\/\/x\.org\/">link<\/a>/);
  t.notMatch(value, /javascript/);
  t.strictSame(
    messages.filter(({ type }) => type === 'error'),
    [],
  );
});

t.test('given a brand, then HTML and DOCX begin with it, escaped', async (t) => {
  const png = await sharp({ create: { width: 300, height: 60, channels: 3, background: '#0b6b4f' } })
    .png()
    .toBuffer();
  const brand = {
    productName: 'Acme <b>',
    logoUrl: `data:image/png;base64,${png.toString('base64')}`,
    primaryColour: '#0b6b4f',
    supportEmail: null,
    websiteUrl: null,
  };
  const input = { title: 'Pens', language: 'en', markdown: '# Pens', json: {}, images: new Map(), brand };
  const html = (await exportAs('html', input)).body.toString();
  t.match(html, /<body>\n<header [^>]+><img src="data:image\/png;base64,[^"]+" alt="[^"]*"/);
  t.match(html, '<span>Acme &#60;b&#62;</span>');
  t.notMatch((await exportAs('html', { ...input, brand: null })).body.toString(), '<header');
  /** The names of the parts, which a DOCX file has in plain text. */
  const partsOf = async (own: typeof brand | null): Promise<string[]> =>
    (await exportAs('docx', { ...input, brand: own })).body.toString('latin1').match(/word\/[\w./-]+/g) ?? [];
  const parts = await partsOf(brand);
  t.ok(parts.includes('word/header1.xml'));
  t.ok(
    parts.some((name) => /^word\/media\/.+\.png/.test(name)),
    'with the logo',
  );
  const remote = await partsOf({ ...brand, logoUrl: 'https://acme.example/logo.png' });
  t.ok(remote.includes('word/header1.xml'));
  t.notOk(
    remote.some((name) => name.startsWith('word/media/')),
    'a logo that is an address is not fetched',
  );
  const damaged = { ...brand, logoUrl: `data:image/png;base64,${png.subarray(0, 20).toString('base64')}` };
  t.ok((await partsOf(damaged)).includes('word/header1.xml'), 'a damaged logo is left out');
  t.notOk((await partsOf(null)).includes('word/header1.xml'));
});

t.test('given another account, then the document does not exist for it', async (t) => {
  const other = { ...CALLER, accountId: OTHER_ACCOUNT };
  for (const [method, suffix] of [
    ['GET', ''],
    ['GET', '/versions'],
    ['GET', '/export'],
    ['DELETE', ''],
  ] as const)
    t.match(await client.call(method, `${path}${suffix}`, other), { status: 404 }, `${method} ${suffix}`);
  t.match(await edit({ title: 'Stolen' }, other), { status: 404 });
  const posts = await client.submit({ content_types: ['social'], document_id: id });
  t.match((await client.finish(posts.requestId)).at(-1), { event: 'completed' }, 'posts from a document');
  const written = await client.call<{ data: DocumentView[] }>(
    'GET',
    `/api/documents?generation_id=${posts.requestId}`,
  );
  t.match(written.body.data, [{ content_type: 'social', language: 'pl' }], 'in its language');
  t.strictSame(
    (await generation.rows(posts.requestId)).map(({ step }) => step),
    ['social.write'],
    'no article is charged',
  );
  t.match(await client.call('DELETE', path), { status: 204 });
  t.match(await client.call('GET', path), { status: 404 });
});

t.test('given a plan that keeps documents for 30 days, then older ones are deleted', async (t) => {
  const { requestId: job } = await client.submit({ topic: 'ink', content_types: ['social'] });
  await client.finish(job);
  const database = createDatabase(generation.pool);
  const logger = createLogger({ name: 'test', level: 'silent' });
  const run = (days: number | null, after: number) => {
    const clock = { now: () => new Date(Date.now() + after * 86_400_000) };
    const entitlements = { get: async () => testEntitlements({ caps: { retentionDays: days } }) };
    const tasks = documentTasks({ database, clock, entitlements } as DocumentTaskOptions);
    return runTaskOnce(tasks, 'delete-expired-documents', {}, logger);
  };
  const left = async () => {
    const list = await client.call<{ data: unknown[] }>('GET', `/api/documents?generation_id=${job}`);
    return list.body.data.length;
  };
  await run(null, 400);
  t.equal(await left(), 1, 'without a limit they stay');
  await run(30, 29);
  t.equal(await left(), 1, 'not yet');
  await run(30, 31);
  t.equal(await left(), 0);
});
