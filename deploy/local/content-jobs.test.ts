/** Content jobs through the gateway (planned, held, run, retried, exported), and features that other services check. */
import t from 'tap';
import { parseSse } from '#libs/http/sse-parser.ts';
import { pdfOf } from '#services/generation/extraction/files.fixture.ts';
import { startInstallation } from './installation.fixture.ts';

const { call, customer, url, simulator } = await startInstallation(t, 'default');
const JOBS = '/api/generations';

async function endOf(id: string, token: string): Promise<string> {
  const response = await fetch(`${url}${JOBS}/${id}/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  let last = '';
  for await (const { event } of parseSse(response.body as AsyncIterable<Uint8Array>)) last = event;
  return last;
}

t.test('given a customer, when they create a job, then its documents can be exported', async (t) => {
  const { token } = await customer('basic');
  const body = { topic: 'fountain pens', content_types: ['newsletter', 'seo', 'content_plan'] };
  const key = { 'idempotency-key': 'one-job' };
  const created = await call(JOBS, token, body, key);
  t.match(created, { status: 202, body: { status: 'queued', parts: [{}, {}, {}] } });
  t.match(
    await call(JOBS, token, body, key),
    { status: 202, body: { id: created.body.id } },
    'repeated once',
  );
  t.equal(await endOf(created.body.id, token), 'completed');
  const { body: job } = await call(`${JOBS}/${created.body.id}`, token);
  t.match(job, { status: 'completed', percent: 100 });
  const [{ document_id: id }] = job.parts;
  t.match(await call(`/api/documents/${id}/export?format=html`, token), {
    status: 200,
    body: /^<!doctype html>/,
  });
  t.match(await call(`${JOBS}/${created.body.id}/retry`, token, {}), {
    status: 409,
    body: { code: 'conflict' },
  });
  t.match(await call(JOBS, null, body), { status: 401 });
  t.match(await call(JOBS, token, { content_types: ['blog'] }), {
    status: 400,
    body: { code: 'invalid_request' },
  });
  const free = await customer();
  t.match(await call(JOBS, free.token, body), { status: 403, body: { code: 'content_type_not_in_plan' } });
  t.match(await call(`${JOBS}/${created.body.id}/retry`, free.token, {}), { status: 404 });
});

t.test('given research, then it is planned and priced with the article', async (t) => {
  const { token } = await customer('pro');
  const unknown = '0190a1b2-0000-7000-8000-00000000e001';
  const body = { topic: 'fountain pens', length: 300, research: true, max_sources: 2 };
  const written = await call('/api/generate', token, body, { accept: 'application/json' });
  t.match(written, { status: 200, body: { content: /\[S\d\][\s\S]*## Sources/ } });
  t.match(written.body.documents[0].content.sources, [{ id: /^S\d$/, url: /^https:/ }]);
  for (const [wrong, status] of [
    [{ topic: 'x', url: 'http://10.0.0.1/' }, 422],
    [{ topic: 'x', url: 'ftp://ink.example/' }, 400],
    [{ topic: 'x', url: 'https://ink.example/', text: 'x' }, 400],
    [{ topic: 'x', max_sources: 2 }, 400],
    [{ topic: 'x', document_id: unknown }, 404],
    [{ topic: 'x', inputs: {} }, 400],
  ] as const) {
    t.match(await call(JOBS, token, wrong), { status }, JSON.stringify(wrong));
  }
  const free = await customer();
  t.match(await call(JOBS, free.token, { topic: 'x', prompt_id: unknown }), {
    status: 403,
    body: { code: 'feature_not_in_plan', feature: 'custom_prompts' },
  });
});

t.test('given a PDF in the knowledge base, then an article cites its page', async (t) => {
  const { token } = await customer('pro');
  const pdf = pdfOf('Nib guide', 'Fine nibs suit small writing.', 'Broad nibs are flushed with a converter.');
  const { status, body: file } = await call('/api/kb/files', token, {
    name: 'nibs.pdf',
    content_base64: pdf.toString('base64'),
  });
  t.equal(status, 201);
  const body = {
    topic: 'How to flush broad nibs with a converter',
    ...{ length: 450, use_knowledge_base: true, kb_file_ids: [file.id] },
  };
  const { body: written } = await call('/api/generate', token, body, { accept: 'application/json' });
  const [{ content }] = written.documents;
  t.match(content.sources, [{ id: 'S1', title: 'nibs.pdf, page 2', passage_id: `${file.id}#1`, url: null }]);
  t.ok(
    content.claims.some(({ sources }: { sources: string[] }) => sources.includes('S1')),
    'a claim names it',
  );
  t.match(written.content, /\[S1\][\s\S]*## Sources\n\n(- .+\n)*- \[S1\] nibs\.pdf, page 2/);
});

t.test('given an outline to approve, when it is approved, then the rest is held and written', async (t) => {
  const { token } = await customer('pro');
  const body = { topic: 'fountain pens', length: 450, outline_approval: true };
  const { body: job } = await call(JOBS, token, body);
  const response = await fetch(`${url}${JOBS}/${job.id}/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  for await (const { event, data } of parseSse(response.body as AsyncIterable<Uint8Array>)) {
    if (event === 'status' && JSON.parse(data).status === 'needs_approval') break;
  }
  const approve = (id: string, as: string | null, sent: object) => call(`${JOBS}/${id}/approve`, as, sent);
  t.match(await approve(job.id, null, {}), { status: 401 });
  t.match(await approve(job.id, token, { outline: { title: 'x', sections: [] } }), { status: 400 });
  const another = await customer('pro');
  t.match(await approve(job.id, another.token, {}), { status: 404 });
  t.match(await call(`${JOBS}/${job.id}/retry`, token, {}), { status: 409 });
  const key = { 'idempotency-key': 'one-approval' };
  const approved = await call(`${JOBS}/${job.id}/approve`, token, {}, key);
  t.match(approved, { status: 202, body: { id: job.id } });
  t.equal(await endOf(job.id, token), 'completed');
  t.match(await call(`${JOBS}/${job.id}/approve`, token, {}, key), { status: 202, body: { id: job.id } });
  t.match(await approve(job.id, token, {}), { status: 409, body: { code: 'conflict' } });
  for (const wrong of [{ length: 300 }, { length: 'short' }, { content_types: ['social'] }]) {
    t.match(await call(JOBS, token, { ...body, ...wrong }), { status: 400 });
  }
  t.match(await call('/api/generate', token, body), { status: 400, body: { param: 'outline_approval' } });
});

t.test(
  'given an article, when a section is rewritten, then only that differs in a new version',
  async (t) => {
    const { token } = await customer('pro');
    const written = await call(
      '/api/generate',
      token,
      { topic: 'tea', length: 300 },
      { accept: 'application/json' },
    );
    const [{ document_id: id }] = written.body.documents;
    const before: string = written.body.content;
    const rewrite = (n: number, as: string | null, body: object) =>
      call(`/api/documents/${id}/sections/${n}/rewrite`, as, body);
    t.match(await rewrite(2, null, {}), { status: 401 });
    t.match(await rewrite(2, (await customer('pro')).token, {}), { status: 404 });
    t.match(await rewrite(9, token, {}), { status: 404, body: { detail: 'There is no section 9.' } });
    t.match(await rewrite(0, token, {}), { status: 400 });
    t.match(await rewrite(2, token, { words: 5 }), { status: 400 });
    const job = await rewrite(2, token, { instructions: 'Shorter.', words: 60 });
    t.match(job, {
      status: 202,
      body: { steps: [{ step: 'rewrite.section', message: 'Rewriting section 2' }] },
    });
    t.equal(await endOf(job.body.id, token), 'completed');
    const { body: after } = await call(`/api/documents/${id}`, token);
    t.match(after, { version: 2, source: 'rewritten' });
    const sections = (markdown: string) => markdown.split(/^(?=## )/m).map((text) => text.trim());
    const [one, two] = [sections(before), sections(after.markdown)];
    t.equal(two.length, one.length);
    t.strictSame(
      one.map((text, index) => text === two[index]),
      one.map((_, index) => index !== 2),
    );
    t.match((await call(`${JOBS}/${job.body.id}`, token)).body, { parts: [{ document_id: id }] });
    t.match((await call(`/api/documents/${id}?version=1`, token)).body, { markdown: before });
  },
);

t.test('given a job that was cancelled, when it is retried, then only the rest runs', async (t) => {
  const { token } = await customer('basic');
  const body = {
    topic: 'tea',
    content_types: ['blog'],
    length: 500,
    call_to_action: 'Read [[simulate: until=later]]',
  };
  const { body: job } = await call(JOBS, token, body);
  const response = await fetch(`${url}${JOBS}/${job.id}/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  for await (const { data } of parseSse(response.body as AsyncIterable<Uint8Array>)) {
    const { step, status } = JSON.parse(data);
    if (step === 'blog.edit' && status === 'running') break;
  }
  t.match(await call(`${JOBS}/${job.id}/cancel`, token, {}), { status: 200, body: { status: 'cancelled' } });
  await fetch(`${simulator.url}/release?name=later`, { method: 'POST' });
  t.equal(await endOf(job.id, token), 'cancelled');
  t.match(await call(`${JOBS}/${job.id}/retry`, token, {}), { status: 202, body: { id: job.id } });
  t.equal(await endOf(job.id, token), 'completed');
});

t.test('given a text that moderation flags, then nothing is written, charged or counted', async (t) => {
  const { token } = await customer('basic');
  const flagged = { topic: 'How to stab a friend', content_types: ['social'] };
  for (const path of [JOBS, '/api/generate']) {
    const refused = await call(path, token, flagged, { accept: 'application/json' });
    t.match(refused, { status: 422, body: { code: 'prompt_refused', categories: ['violence'] } }, path);
  }
  const page = { text: 'A page about how to stab a friend.', content_types: ['social'] };
  t.match(await call(JOBS, token, page), { status: 422, body: { categories: ['violence'] } });
  const { body: usage } = await call('/api/usage/requests?limit=5', token);
  t.ok(
    usage.data.every((one: { cost_usd: string; step: string }) => /^0\.0+$/.test(one.cost_usd)),
    JSON.stringify(usage.data),
  );
  t.match((await call(JOBS, token)).body, { data: [] }, 'there is no job');

  const file = { name: 'notes.md', content: 'Green tea: how to stab a friend.' };
  const { body: added } = await call('/api/kb/files', token, file);
  const source = { topic: 'green tea', use_knowledge_base: true, kb_file_ids: [added.id] };
  const { body: job } = await call(JOBS, token, { ...source, content_types: ['social'] });
  t.match(job.steps[0].warnings, [/notes\.md.* violence/], 'a passage is only left out');
  t.equal(await endOf(job.id, token), 'completed');
});

t.test('given plans with and without webhooks, then only the former create endpoints', async (t) => {
  const body = { url: 'https://hooks.example.com/inkmeter' };
  t.match(await call('/api/webhook-endpoints', (await customer('basic')).token, body), {
    status: 403,
    body: { code: 'feature_not_in_plan', feature: 'webhooks', plan: 'basic' },
  });
  t.match(await call('/api/webhook-endpoints', (await customer('pro')).token, body), {
    status: 201,
    body: { status: 'enabled' },
  });
});
