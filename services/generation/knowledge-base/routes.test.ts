import t from 'tap';
import { MAX_FILE_BYTES } from '#libs/contracts/knowledge-base.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { docxOf, pdfOf } from '../extraction/files.fixture.ts';
import { createTestSocial, OTHER_ACCOUNT, type TestSocial } from '../social/social.fixture.ts';

const FILES = '/api/kb/files';

const add = (social: TestSocial, body: Record<string, unknown>) =>
  social.call('POST', FILES, { body: { name: 'notes.md', content: 'Short words.', ...body } });

t.test(
  'given room for three files, when many are added at once, then three are, and a delete makes room',
  async (t) => {
    const social = await createTestSocial(t, { catalogue: 'whisperforge', plan: 'free', instances: 2 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => add(social, { name: `notes-${n}.md` })),
    );
    t.equal(answers.filter(({ status }) => status === 201).length, 3);
    t.equal(answers.filter(({ status }) => status === 429).length, 37);
    t.match(await add(social, {}), {
      status: 429,
      body: {
        code: 'limit_exceeded',
        limit: { meter: 'kb.files', used: '3', amount: { kind: 'limited', value: '3' } },
        suggested_plans: [{ key: 'pro', amount: { kind: 'limited', value: '15' } }],
      },
    });
    const { body } = await social.call('GET', FILES);
    t.equal(body.data.length, 3);
    t.equal((await social.call('DELETE', `${FILES}/${body.data[0].id}`)).status, 204);
    t.equal((await social.call('DELETE', `${FILES}/${body.data[0].id}`)).status, 404);
    t.equal((await add(social, {})).status, 201);
    t.equal((await add(social, {})).status, 429);
    t.strictSame(await social.counter('kb.files'), { used: 3n, held: 0n });
    t.strictSame(await findBreaches(social.pool), []);
  },
);

t.test('given a file, it is read as it was written, and listed without its content', async (t) => {
  const social = await createTestSocial(t);
  const content = '# Ton\n\n„Kurz" — 短く.\r\n\t✒️';
  const { status, body } = await add(social, { media_type: 'text/markdown', content });
  t.equal(status, 201);
  const file = { name: 'notes.md', media_type: 'text/markdown', size_bytes: Buffer.byteLength(content) };
  t.match(body, file);
  t.equal(body.content, undefined);
  t.strictSame((await social.call('GET', `${FILES}/${body.id}`)).body, { ...body, content });
  t.strictSame((await social.call('GET', FILES)).body, { data: [body], next_cursor: null });

  const as = { accountId: OTHER_ACCOUNT };
  for (const method of ['GET', 'DELETE'] as const) {
    t.match(await social.call(method, `${FILES}/${body.id}`, { as }), {
      status: 404,
      body: { code: 'not_found' },
    });
  }
  t.strictSame((await social.call('GET', FILES, { as })).body.data, []);
});

t.test('given files of every size and kind, what cannot be kept is refused', async (t) => {
  const social = await createTestSocial(t);
  t.equal((await add(social, { content: 'x'.repeat(MAX_FILE_BYTES) })).status, 201);
  for (const body of [
    { content: 'x'.repeat(MAX_FILE_BYTES + 1) },
    { content: 'é'.repeat(MAX_FILE_BYTES / 2 + 1) },
    { content: '' },
    { content: 'null\u0000byte' },
    { content: 'half a pair \ud83d' },
    { content: undefined },
    { content_base64: 'VGV4dA==' },
    { content: undefined, content_base64: 'no base64!' },
    { content: undefined, content_base64: '' },
    { content: undefined, url: 'https://example.com', name: '' },
    { name: undefined },
    { language: 'english' },
    { name: '../etc/passwd' },
    { name: ' ' },
    { name: 'a\nb' },
    { media_type: 'image/png' },
    { id: 'mine' },
  ]) {
    t.match(await add(social, body), { status: 400, body: { code: 'invalid_request' } });
  }
  t.equal((await social.call('GET', FILES)).body.data.length, 1);
});

t.test(
  'given files in several languages, then passages are found by any form of a word, and can be cited',
  async (t) => {
    const social = await createTestSocial(t, { catalogue: 'default', plan: 'pro' });
    const base64 = (bytes: Buffer) => ({ content: undefined, content_base64: bytes.toString('base64') });
    const pdf = pdfOf(
      'Nib guide',
      'Fine nibs suit small writing.',
      'Broad nibs are flushed with the converter.',
    );
    for (const [body, answer] of [
      [
        { name: 'nibs.pdf', ...base64(pdf) },
        { media_type: 'application/pdf', size_bytes: pdf.length },
      ],
      [
        {
          name: 'inks.docx',
          ...base64(await docxOf('Iron gall inks', 'They are permanent and they react with the paper.')),
        },
        { media_type: /wordprocessingml/, language: 'en' },
      ],
      [
        {
          name: 'tinte.md',
          content:
            '# Pflege\n\nDer Füller wird mit Wasser gereinigt.\n\n# Kauf\n\nDie Federn sind aus Stahl.',
        },
        { language: 'de', source_url: null },
      ],
      [
        { name: 'pióra.txt', content: 'Atramenty nie są wodoodporne, ale się nie rozmazują.' },
        { language: 'pl' },
      ],
      [{ name: 'インク.txt', content: '万年筆のインクは水で薄めることができます。' }, { language: 'ja' }],
    ] as const) {
      t.match(await add(social, body), { status: 201, body: answer }, body.name);
    }
    const find = async (query: string, as = {}) => {
      const url = `/api/kb/passages?limit=2&query=${encodeURIComponent(query)}`;
      return (await social.call('GET', url, { as })).body.data;
    };
    t.match(await find('How do I flush a converter?'), [
      { id: /^[\w-]{36}#1$/, title: 'nibs.pdf, page 2', text: 'Broad nibs are flushed with the converter.' },
    ]);
    t.match(await find('The reaction of permanent ink'), [{ title: 'inks.docx, Iron gall inks' }]);
    t.match(await find('Woraus ist eine Feder?'), [{ title: 'tinte.md, Kauf' }]);
    t.match(await find('wodoodporny atrament'), [{ title: 'pióra.txt' }]);
    t.match(await find('インクの薄め方'), [{ title: 'インク.txt' }]);
    for (const query of ['bicycle', '& | ! ( ) :* <->', "'", 'the of and', '%', '🖋'])
      t.strictSame(await find(query), [], query);
    t.strictSame(await find('converter', { accountId: OTHER_ACCOUNT }), []);
    t.equal((await social.call('GET', '/api/kb/passages?query=')).status, 400);
    t.equal((await social.call('GET', '/api/kb/passages?query=x', { as: null })).status, 401);

    const [passage] = await find('converter');
    const before = await social.counter('kb.bytes');
    t.equal((await social.call('DELETE', `${FILES}/${passage.file_id}`)).status, 204);
    t.strictSame(await find('converter'), []);
    const after = await social.counter('kb.bytes');
    t.equal((before?.used ?? 0n) - (after?.used ?? 0n), BigInt(pdf.length));
  },
);

t.test(
  'given a file that is not read, or one byte too much for the plan, then nothing is counted',
  async (t) => {
    const social = await createTestSocial(t, { catalogue: 'default', plan: 'free' });
    const image = {
      content: undefined,
      content_base64: 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7',
    };
    t.match(await add(social, image), { status: 415, body: { code: 'unsupported_media_type' } });
    t.match(await add(social, { content: undefined, content_base64: 'JVBERi0xLjcK' }), { status: 422 });
    for (const url of [
      'http://127.0.0.1/',
      'http://[::1]/',
      'http://169.254.169.254/',
      'ftp://example.com',
    ]) {
      t.match(await add(social, { content: undefined, url }), {
        status: 422,
        body: { code: 'semantic_error', param: 'url' },
      });
    }
    t.match(await social.counter('kb.files'), { used: 0n, held: 0n });

    const large = Buffer.alloc(1_999_999, 'ink ').toString('base64');
    const file = { content: undefined, content_base64: large };
    t.equal((await add(social, file)).status, 201);
    t.equal((await add(social, file)).status, 201);
    t.match(await add(social, file), {
      status: 429,
      body: { limit: { meter: 'kb.bytes', amount: { value: '5000000' } } },
    });
    t.strictSame(await social.counter('kb.files'), { used: 2n, held: 0n });
    t.strictSame(await social.counter('kb.bytes'), { used: 3_999_998n, held: 0n });
    const oversized = { content: undefined, content_base64: 'A'.repeat(14_000_004) };
    t.equal((await add(social, oversized)).status, 400);
    t.strictSame(await findBreaches(social.pool), []);
  },
);
