/** What jobs are written from: research, files, voices and prompts, other jobs, and outlines that their owners edit. */
import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createTestJobs } from '#libs/jobs/fixtures.ts';
import { checkEmitted } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, CALLER, createTestGeneration, OTHER_ACCOUNT } from '../fixtures.ts';
import { insertInstruction } from '../instructions/store.ts';
import { insertChunks } from '../knowledge-base/search-store.ts';
import { insertKbFile } from '../knowledge-base/store.ts';
import { jobClient, MODERATION, spentBy } from './jobs.fixture.ts';

const generation = await createTestGeneration(t);
const { pool } = generation;
const client = jobClient(generation);
const spent = spentBy(pool);
createTestJobs(t, generation.databaseUrl, generation.tasks, { concurrency: 8 }).jobs.start();

const OTHER_CALLER = { ...CALLER, accountId: OTHER_ACCOUNT };
const SOME_ID = '0190a1b2-0000-7000-8000-00000000e001';
const VOICE_ID = '0190a1b2-0000-7000-8000-00000000e002';
const PROMPT_ID = '0190a1b2-0000-7000-8000-00000000e003';

t.test(
  'given research, files, a voice and a prompt, then the article cites its sources, and each search is paid',
  async (t) => {
    const database = createDatabase(pool);
    const owner = { accountId: ACCOUNT, userId: CALLER.userId, keyId: null, workspaceId: null };
    const now = new Date();
    const file = {
      ...{ ...owner, id: SOME_ID, name: 'feeds.md', mediaType: 'text/markdown', sizeBytes: 40 },
      ...{ content: 'x', sourceUrl: null, language: 'en', createdAt: now },
    };
    const voice = {
      description: 'A calm expert.',
      examples: [],
      do: [],
      dont: [],
      vocabulary: { use: [], avoid: [] },
    };
    const prompt = { template: 'Mention {{product}}.', variables: [{ name: 'product' }] };
    await transaction(database, async (tx) => {
      await insertKbFile(tx, file);
      await insertChunks(tx, file, [
        { heading: 'Capillaries', text: 'The feed of fountain pens is a capillary.' },
      ]);
      for (const [id, kind, content] of [
        [VOICE_ID, 'brand_voice', voice],
        [PROMPT_ID, 'prompt', prompt],
      ] as const) {
        const row = { ...owner, id, kind, name: kind, version: 1, isDefault: kind === 'brand_voice' };
        await insertInstruction(tx, { ...row, content, createdAt: now, updatedAt: now } as never);
      }
    });
    const body = {
      ...{
        topic: 'fountain pens',
        length: 450,
        research: true,
        max_sources: 2,
        research_all_providers: true,
      },
      ...{ use_knowledge_base: true, prompt_id: PROMPT_ID, prompt_variables: { product: 'Inkmeter' } },
    };
    const { requestId: id } = await client.submit(body, { research: ['tavily', 'exa'] });
    const events = await client.finish(id);
    t.match(events.at(-1), { event: 'completed' });
    t.match(
      events.find(({ data }) => data.step === 'research.tavily'),
      { data: { message: 'Searching for sources' } },
    );
    const { rows } = await pool.query(
      `SELECT version.content, version.markdown FROM documents JOIN document_versions AS version ON document_id = id
        WHERE generation_id = $1`,
      [id],
    );
    const [{ content, markdown }] = rows;
    t.match(content.sources[0], {
      id: 'S1',
      title: 'feeds.md, Capillaries',
      passage_id: `${SOME_ID}#0`,
      url: null,
    });
    t.ok(content.sources.some(({ url }: { url: string }) => url?.startsWith('https://library.example/')));
    t.ok(content.claims.length >= content.sources.length);
    t.match(markdown, /\[S1\][\s\S]*## Sources\n\n- \[S1\] feeds\.md, Capillaries\n- \[S2\] \[.+\]\(<https:/);
    t.equal(
      events.findLast(({ data }) => data.replace === true)?.data.chunk,
      markdown,
      'the whole text is sent',
    );
    const paid = await generation.rows(id);
    t.match(paid.slice(0, 2), [
      { step: 'research.tavily', provider: 'tavily', cost_nano_usd: 1_000_000n, meters: /calls.tavily/ },
      { step: 'research.exa', provider: 'exa', cost_nano_usd: 3_000_000n },
    ]);
    t.equal((await client.get(id)).usage.cost_usd, await spent([id]));
    t.match((await client.get(id)).model, 'gpt-4o');

    const lost = await client.submit({ topic: 'pens [[simulate: status=400]]', research: true });
    t.match((await client.finish(lost.requestId)).at(-1), {
      event: 'failed',
      data: { error: { code: 'invalid_request', step: 'research.tavily' } },
    });
    t.equal(await generation.holdState(lost.requestId), 'closed');
    t.match(await generation.rows(lost.requestId), [{ cost_nano_usd: 0n }], 'nothing is written without it');
  },
);

t.test('given pages that moderation flags, then they are left out, and named with the sources', async (t) => {
  const topic = 'harbours [[flagged page: 2]]';
  const body = { topic, length: 300, research: true, max_sources: 3 };
  const { requestId: id } = await client.submit(body, { moderation: MODERATION });
  t.match((await client.finish(id)).at(-1), { event: 'completed' });
  const { rows } = await pool.query(
    `SELECT version.content, version.markdown FROM documents JOIN document_versions AS version ON document_id = id
      WHERE generation_id = $1`,
    [id],
  );
  const [{ content, markdown }] = rows;
  const refused = 'https://library.example/harbours/2';
  t.match(content.refused_sources, [{ url: refused, title: /harbours/, categories: ['violence'] }]);
  t.equal(content.refused_sources.length, 1);
  t.notMatch(markdown, /library\.example\/harbours\/2/);
  t.match(markdown, /library\.example\/harbours\/[13]/);
  const { steps } = await client.get(id);
  t.match(steps[0], { step: 'research.tavily', status: 'succeeded', warnings: [RegExp(refused)] });
  t.match(await generation.rows(id), [
    { step: 'research.tavily', cost_nano_usd: 1_000_000n },
    { step: 'safety', status: 'ok', cost_nano_usd: 0n, meters: ['cost'] },
    { step: 'blog.write', status: 'ok' },
  ]);
  const { rows: outputs } = await pool.query(
    `SELECT output::text FROM generation_steps WHERE generation_id = $1`,
    [id],
  );
  t.notMatch(JSON.stringify(outputs), /bomb/, 'prompts are made from outputs');
  t.equal(await generation.holdState(id), 'closed');

  const all = { ...body, topic: 'piers [[flagged page: 1]]', max_sources: 1 };
  const { requestId: none } = await client.submit(all, { moderation: MODERATION });
  t.match((await client.finish(none)).at(-1), { event: 'completed' });
  const { rows: written } = await pool.query(
    `SELECT content FROM documents JOIN document_versions ON document_id = id WHERE generation_id = $1`,
    [none],
  );
  t.match(written[0].content, { refused_sources: [{ url: 'https://library.example/piers/1' }] });
  t.notOk('sources' in written[0].content, 'an article without sources names none');
});

t.test(
  'given a passage that moderation flags, then it is left out, and named with the sources',
  async (t) => {
    const fileId = '0190a1b2-0000-7000-8000-00000000e004';
    const owner = { accountId: ACCOUNT, userId: CALLER.userId, keyId: null, workspaceId: null };
    const file = {
      ...{ ...owner, id: fileId, name: 'gaskets.md', mediaType: 'text/markdown', sizeBytes: 80 },
      ...{ content: 'x', sourceUrl: null, language: 'en', createdAt: new Date() },
    };
    await transaction(createDatabase(pool), async (tx) => {
      await insertKbFile(tx, file);
      await insertChunks(tx, file, [
        { heading: 'Rubber', text: 'A gasket of rubber seals a pump for five years.' },
        { heading: 'Misuse', text: 'Do not build a bomb from a gasket.' },
      ]);
    });
    const body = { topic: 'gasket', length: 300, use_knowledge_base: true, kb_file_ids: [fileId] };
    const moderated = { moderation: MODERATION, moderatesRequest: true };
    const { requestId: id, status } = await client.submit(body, moderated);
    t.equal(status, 202, 'the request is not refused');
    t.match((await client.finish(id)).at(-1), { event: 'completed' });
    const { steps } = await client.get(id);
    t.match(steps[0], { step: 'blog.write', warnings: [/left out \(gaskets\.md, Misuse\): .* violence/] });
    const { rows } = await pool.query(
      `SELECT content, context FROM documents JOIN document_versions ON document_id = documents.id
       JOIN generations ON generations.id = generation_id WHERE generation_id = $1`,
      [id],
    );
    const [{ content, context }] = rows;
    t.match(content.refused_sources, [{ title: 'gaskets.md, Misuse', url: null, categories: ['violence'] }]);
    t.match(content.sources, [{ title: 'gaskets.md, Rubber' }]);
    t.notMatch(JSON.stringify(context), /bomb/, 'prompts are made from inputs');
    t.match(await generation.rows(id), [{ step: 'blog.write' }, { step: 'safety', cost_nano_usd: 0n }]);
    t.equal(await generation.holdState(id), 'closed');

    const own = await client.submit({ ...body, topic: 'a gasket for a bomb' }, moderated);
    t.match(own, { status: 422, body: { code: 'prompt_refused', categories: ['violence'] } });
  },
);

t.test('given a moderation that cannot answer, then texts are written without it', async (t) => {
  const body = { topic: 'valves [[simulate: 503x3]]', content_types: ['social'] };
  const { requestId: id } = await client.submit(body, { moderation: MODERATION, moderatesRequest: true });
  t.match((await client.finish(id)).at(-1), { event: 'completed' });
  t.match(await generation.rows(id), [
    { step: 'social.write', status: 'ok' },
    { step: 'safety', status: 'error', cost_nano_usd: 0n },
  ]);
});

t.test('given a source that cannot be read, then nothing is held', async (t) => {
  for (const [body, status, param] of [
    [{ url: 'http://127.0.0.1:5432/' }, 422, 'url'],
    [{ url: 'http://169.254.169.254/latest/meta-data' }, 422, 'url'],
    [{ generation_id: SOME_ID }, 404],
    [{ topic: 'x', brand_voice: SOME_ID }, 404],
    [{ topic: 'x', prompt_id: SOME_ID }, 404],
    [{ topic: 'x', prompt_id: PROMPT_ID }, 422, 'variables'],
    [{ topic: 'x', prompt_id: PROMPT_ID, prompt_variables: { product: 'y'.repeat(2_000) } }, 200],
    [{ topic: 'x', use_knowledge_base: true, kb_file_ids: [VOICE_ID] }, 404],
  ] as const) {
    const answer = await client.readInputs({ content_types: ['social'], ...body });
    t.equal(answer.status, status, JSON.stringify(body));
    if (param !== undefined) t.match(answer.body, { code: 'semantic_error', param });
  }
});

t.test('given the article of a job, then posts are written from it, and no article is paid', async (t) => {
  const { requestId: blog } = await client.submit({
    topic: 'fountain pens',
    length: 300,
    brand_voice: 'none',
  });
  await client.finish(blog);
  const { requestId: id } = await client.submit({ generation_id: blog, content_types: ['social'] });
  await client.finish(id);
  const rows = await generation.rows(id);
  t.match(rows, [{ step: 'social.write', status: 'ok' }]);
  t.notOk(rows.some(({ meters }) => meters.includes('gen.blog')));
  const { rows: parents } = await pool.query(
    `SELECT child.parent_id, parent.generation_id FROM documents AS child JOIN documents AS parent ON parent.id = child.parent_id
      WHERE child.generation_id = $1`,
    [id],
  );
  t.match(parents, [{ generation_id: blog }]);
  t.match(await client.readInputs({ generation_id: blog }, OTHER_CALLER), { status: 404 });
});

t.test(
  'given an outline to approve, then nothing is held while the job waits, and edits are followed',
  async (t) => {
    const body = {
      topic: 'fountain pens',
      content_types: ['blog', 'social'],
      length: 600,
      outline_approval: true,
    };
    const wait = async () => {
      const { requestId: id } = await client.submit(body);
      for await (const { event, data } of client.follow(id)) {
        if (event === 'status' && data.status === 'needs_approval') break;
      }
      return id;
    };
    const id = await wait();
    t.equal(await generation.holdState(id), 'closed');
    const waiting = await client.get(id);
    t.match(waiting, { status: 'needs_approval', finished_at: null, error: null });
    t.equal(waiting.approval?.outline.sections.length, 3);
    t.strictSame(
      (await generation.rows(id)).map(({ step }) => step),
      ['blog.outline'],
    );
    t.match(await client.call('DELETE', `/api/generations/${id}`), { status: 409 });
    t.match(
      await client.submit(body, { resume: id, done: ['blog.outline'] }),
      { status: 409 },
      'it has not failed',
    );

    const outline = {
      title: 'Ink, edited',
      sections: [
        { heading: 'Why ink smears', points: ['Wet inks'] },
        { heading: 'What dries fast', points: [] },
      ],
    };
    const approval = { sections: 2, outline };
    const done = ['blog.outline'];
    const approved = await client.submit(body, { resume: id, done, approval });
    t.match(approved, { status: 202, body: { id, status: 'queued', approval: null } });
    t.match((await client.finish(id)).at(-1), { event: 'completed', data: { percent: 100 } });
    t.same((await generation.rows(approved.requestId)).map(({ step }) => step).sort(), [
      'blog.edit',
      'blog.metadata',
      'blog.section.1',
      'blog.section.2',
      'social.write',
    ]);
    const { rows } = await pool.query(
      `SELECT title FROM documents WHERE generation_id = $1 AND type = 'blog'`,
      [id],
    );
    t.strictSame(rows, [{ title: 'Ink, edited' }]);
    t.equal((await client.get(id)).usage.cost_usd, await spent([id, approved.requestId]));
    const again = await client.submit(body, { resume: id, done, approval });
    t.match(again, { status: 409, body: { code: 'conflict' } });
    t.equal(await generation.holdState(again.requestId), 'closed');

    const other = await wait();
    t.match(await client.call('POST', `/api/generations/${other}/cancel`), { body: { status: 'cancelled' } });
    t.match((await client.finish(other)).at(-1), { event: 'cancelled' });
    t.match(await client.call('DELETE', `/api/generations/${other}`), { status: 204 });
  },
);

t.test('given all these jobs, then their events have the data that webhooks are promised', async () => {
  const { rows } = await pool.query('SELECT type, payload FROM outbox_events');
  checkEmitted(rows, ['generation.needs_approval', 'generation.cancelled']);
});
