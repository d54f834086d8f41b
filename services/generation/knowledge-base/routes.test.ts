import t from 'tap';
import { MAX_FILE_BYTES } from '#libs/contracts/knowledge-base.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
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
        limit: { meter: 'kb.files', used: '3', limit: '3' },
        suggested_plans: [{ plan: 'pro', limit: '15' }],
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
