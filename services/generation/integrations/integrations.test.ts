/** Integrations over real HTTP, with simulators of Notion and HubSpot that refuse what the vendors refuse. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { Agent } from 'undici';
import { createSecretBox } from '#libs/auth/secret-box.ts';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { PublicationView } from '#libs/contracts/integrations.ts';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { runTaskOnce, until } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import type { NotionPage } from '#libs/simulators/notion.ts';
import { request } from '#libs/testing/http.ts';
import { addVersion, insertDocument } from '../documents/store.ts';
import { ACCOUNT, createTestSocial, OTHER_ACCOUNT, SOME_ID } from '../social/social.fixture.ts';
import { integrationTasks } from './jobs.ts';
import { createFindContact } from './plugin.ts';
import { requestPublication } from './publications-store.ts';
import { type PublishOptions, publishDocument } from './publish.ts';

const TOKEN = 'ntn_a_secret_of_the_customer';
const PARENT = '59833787-2cf9-4fdf-8782-e53db20768a5';

/** Of the fixture's configuration. */
const KEY = Buffer.from('k'.repeat(43), 'base64url');

const social = await createTestSocial(t, {
  catalogue: 'whisperforge',
  plan: 'enterprise',
  variables: { WEBHOOK_NETWORKS: '127.0.0.0/8', BODY_LIMIT: '64kb' },
});
const { call, pool, simulator } = social;
const database = createDatabase(pool);
const dispatcher = new Agent();
t.teardown(() => dispatcher.destroy());
social.startWorkers();

const owner = { role: 'owner' } as const;
const notion = { token: TOKEN, parent_page_id: PARENT };

let documents = 0;
async function createDocument(title: string, markdown: string, accountId = ACCOUNT): Promise<string> {
  documents += 1;
  const id = `019e3f5e-6f2a-7c31-9d52-8a4f0b6c${String(documents).padStart(4, '0')}`;
  const now = new Date();
  const row = { id, accountId, generationId: SOME_ID, type: 'blog', variant: 1, title, version: 1 };
  await transaction(database, (tx) =>
    insertDocument(tx, { ...row, createdAt: now, updatedAt: now }, { content: {}, markdown }),
  );
  return id;
}

async function edit(documentId: string, version: number, title: string, markdown: string): Promise<void> {
  const row = { documentId, version, source: 'edited', title, content: {}, markdown, userId: null } as const;
  await transaction(database, (tx) => addVersion(tx, { ...row, createdAt: new Date() }));
}

/** Publishes, and waits for the end. */
async function publish(id: string, provider = 'notion'): Promise<PublicationView> {
  t.match(await call('POST', `/api/documents/${id}/publish`, { body: { provider } }), {
    status: 202,
    body: { provider, status: 'publishing' },
  });
  return ended(id, provider);
}

async function ended(id: string, provider = 'notion'): Promise<PublicationView> {
  let found: PublicationView | undefined;
  await until(async () => {
    const { body } = await call('GET', `/api/documents/${id}/publications`);
    found = body.data.find((one: PublicationView) => one.provider === provider);
    return found?.status !== 'publishing';
  });
  return found as PublicationView;
}

const pages = async () =>
  (await request<{ pages: NotionPage[] }>(`${simulator.url}/notion/v1/pages`)).body.pages;

t.test('given a manager, then Notion is connected, listed without its token, and checked', async (t) => {
  t.match((await call('GET', '/api/integrations', { as: owner })).body.data, [
    { provider: 'notion', status: 'not_connected' },
    { provider: 'hubspot', status: 'not_connected' },
    { provider: 'webhook', status: 'not_connected' },
  ]);
  const connected = await call('PUT', '/api/integrations/notion', { as: owner, body: notion });
  t.match(connected, {
    status: 200,
    body: { provider: 'notion', status: 'connected', settings: { parent_page_id: PARENT }, last_error: null },
  });
  t.match(await call('POST', '/api/integrations/notion/check', { as: owner }), {
    status: 200,
    body: { status: 'connected', last_used_at: String },
  });
  const list = await call('GET', '/api/integrations', { as: owner });
  const { rows } = await pool.query('SELECT * FROM integrations');
  const { rows: audit } = await pool.query(`SELECT * FROM audit_log WHERE action LIKE 'integration%'`);
  t.match(rows, [{ secret: /^sealed:/, connected_by: String }]);
  t.match(audit, [{ action: 'integration.connected', after: { parent_page_id: PARENT } }]);
  for (const shown of [connected.body, list.body, rows, audit, social.log()])
    t.notMatch(JSON.stringify(shown), TOKEN, 'the token is nowhere');
});

t.test('given what Notion refuses, then nothing is stored', async (t) => {
  const refuse = (body: object) => call('PUT', '/api/integrations/notion', { as: owner, body });
  t.match(await refuse({ ...notion, token: 'ntn_invalid' }), {
    status: 422,
    body: { code: 'semantic_error', param: 'token' },
  });
  t.match(await refuse({ ...notion, parent_page_id: '59833787-2cf9-4fdf-8782-e53db2070000' }), {
    status: 422,
    body: { code: 'semantic_error', param: 'parent_page_id', detail: /Share it/ },
  });
  t.match((await call('GET', '/api/integrations', { as: owner })).body.data[0], { status: 'connected' });
});

t.test('given a document, then it is published as a page, and again as the same page', async (t) => {
  const id = await createDocument('Fountain pens', '# Fountain pens\n\nInk **flows**.\n\n- one\n- two');
  const first = await publish(id);
  t.match(first, {
    status: 'published',
    url: /^https:\/\/www\.notion\.so\/Fountain-pens-/,
    published_version: 1,
  });
  t.match(await pages(), [
    {
      title: 'Fountain pens',
      blocks: [{ type: 'paragraph' }, { type: 'bulleted_list_item' }, {}],
      parent: PARENT,
    },
  ]);
  const paragraphs = Array.from({ length: 230 }, (_, index) => `Paragraph ${index}`).join('\n\n');
  await edit(id, 2, 'Pens', paragraphs);
  t.match(await publish(id), { status: 'published', url: first.url ?? '', published_version: 2 });
  const [page, ...others] = await pages();
  t.strictSame(others, [], 'there is no second page');
  t.equal(page?.title, 'Pens');
  t.equal(page?.blocks.length, 230);
  t.match(page?.blocks[229], { paragraph: { rich_text: [{ text: { content: 'Paragraph 229' } }] } });
});

t.test(
  'given an interruption while the content is written, then it is written again from the start',
  async (t) => {
    const paragraphs = Array.from({ length: 120 }, (_, index) => `Paragraph ${index}`).join('\n\n');
    const id = await createDocument('Busy [[append: 429x1, retry_after_ms=1000]]', paragraphs);
    t.match(await publish(id), { status: 'published' });
    t.equal((await pages()).find(({ title }) => title.startsWith('Busy'))?.blocks.length, 120);

    const cut = await createDocument('Cut [[append: 500x1]]', paragraphs);
    t.match(await publish(cut), { status: 'published' }, 'an attempt that failed is repeated');
    const written = (await pages()).filter(({ title }) => title.startsWith('Cut'));
    t.equal(written.length, 1);
    t.equal(written[0]?.blocks.length, 120);
  },
);

t.test("given the account's own images, then they are uploaded to Notion", async (t) => {
  const color = { channels: 3, background: '#0b6b4f' } as const;
  const png = await sharp({ create: { width: 60, height: 40, ...color } })
    .png()
    .toBuffer();
  const id = await createDocument(
    'Pictures',
    `![A pen](/api/media/${SOME_ID}) ![Gone](/api/media/${PARENT})`,
  );
  const key = { documentId: id, provider: 'notion', accountId: ACCOUNT } as const;
  await transaction(database, (tx) =>
    requestPublication(tx, { ...key, requestId: SOME_ID, now: new Date() }),
  );
  const readMedia = async (_accountId: string, mediaId: string) => (mediaId === SOME_ID ? png : undefined);
  const { signal } = new AbortController();
  await publishDocument({ ...tasksOptions().options, readMedia }, key, signal);
  t.match(await ended(id), { status: 'published' });
  t.match((await pages()).find(({ title }) => title === 'Pictures')?.blocks, [
    { type: 'paragraph' },
    { type: 'image', image: { type: 'file_upload', caption: [{ text: { content: 'A pen' } }] } },
    { type: 'paragraph', paragraph: { rich_text: [{ text: { content: 'Gone' } }] } },
  ]);
});

t.test('given a creation without an answer, then it fails, and is not repeated', async (t) => {
  const id = await createDocument('Lost [[simulate: status=500]]', 'x');
  t.match(await publish(id), {
    status: 'failed',
    url: null,
    error: { code: 'outcome_unknown', detail: String },
  });
  t.notOk((await pages()).some(({ title }) => title.startsWith('Lost')));
  t.match((await call('GET', '/api/integrations', { as: owner })).body.data[0], {
    status: 'failing',
    last_error: 'Notion answered 500.',
  });
  await edit(id, 2, 'Found', 'x');
  t.match(await publish(id), { status: 'published', error: null }, 'the customer decides to publish again');
});

t.test('given the webhook of a customer, then it receives the document signed', async (t) => {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const statuses = [200];
  const server = createServer(async (incoming, response) => {
    received.push({ headers: incoming.headers as Record<string, string>, body: await text(incoming) });
    response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id: 7, url: 'https://cms.example.com/pens' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cms`;

  const { body } = await call('PUT', '/api/integrations/webhook', { as: owner, body: { url } });
  t.match(body, { status: 'connected', settings: { url }, secret: /^whsec_/ });
  t.match(await call('POST', '/api/integrations/webhook/check', { as: owner }), {
    body: { status: 'connected' },
  });
  const verifier = new Webhook(body.secret);
  /** What a message says, whose signature is right. The service's clock stands still, so its age is not checked. */
  const verified = (index: number) => {
    const { headers = {}, body: sent = '' } = received[index] ?? {};
    const { 'webhook-id': messageId = '', 'webhook-timestamp': seconds } = headers;
    const signature = verifier.sign(messageId, new Date(Number(seconds) * 1_000), sent);
    t.equal(headers['webhook-signature'], signature);
    return JSON.parse(sent);
  };
  t.match(verified(0), { type: 'integration.check' });

  const id = await createDocument('Pens', 'Ink flows.');
  t.match(await publish(id, 'webhook'), { status: 'published', url: 'https://cms.example.com/pens' });
  t.match(verified(1), {
    type: 'document.publish',
    id: received[1]?.headers['webhook-id'],
    account_id: ACCOUNT,
    data: { document: { id, title: 'Pens', markdown: 'Ink flows.' }, page: null },
  });
  t.match(await publish(id, 'webhook'), { status: 'published' });
  t.match(verified(2), {
    data: { page: { id: '7', url: 'https://cms.example.com/pens' } },
  });
  statuses.push(410);
  t.match(await publish(id, 'webhook'), {
    status: 'failed',
    url: 'https://cms.example.com/pens',
    error: { code: 'refused', detail: 'The receiver answered 410.' },
  });
  for (const bad of [
    'https://10.0.0.1/',
    'https://[::1]/',
    'https://user:pw@cms.example.com/',
    'ftp://cms.example.com/',
  ])
    t.match(
      await call('PUT', '/api/integrations/webhook', { as: owner, body: { url: bad } }),
      { status: 422 },
      bad,
    );
});

t.test('given HubSpot, then contacts are found, and nothing of them is stored', async (t) => {
  t.match(await call('GET', '/api/crm/contacts?query=ada'), {
    status: 409,
    body: { reason: 'not_connected' },
  });
  t.match(await call('PUT', '/api/integrations/hubspot', { as: owner, body: { token: 'pat-invalid' } }), {
    status: 422,
    body: { param: 'token' },
  });
  await call('PUT', '/api/integrations/hubspot', { as: owner, body: { token: 'pat-eu1-secret' } });
  const ada = {
    id: '512',
    name: 'Ada Lovelace',
    email: 'ada@example.com',
    company: 'Analytical Engines',
    stage: 'customer',
    owner: 'Grace Hopper',
    last_contact_at: '2026-11-12T09:30:00.000Z',
  };
  t.strictSame((await call('GET', '/api/crm/contacts?email=ADA@example.com')).body, {
    data: [ada],
    next_cursor: null,
  });
  t.match((await call('GET', '/api/crm/contacts?query=engines&limit=1')).body.data, [{ id: '512' }]);
  t.match((await call('GET', '/api/crm/contacts?query=engines')).body.data, [
    { id: '512' },
    { name: null, owner: null },
  ]);
  t.match(await call('GET', '/api/crm/contacts?query=slow+down'), {
    status: 503,
    headers: { 'retry-after': '30' },
    body: { code: 'service_unavailable' },
  });
  for (const query of [
    '',
    '?email=a@b.example&query=x',
    '?email=unknown',
    '?query=',
    '?query=x&limit=51',
    '?x=1',
  ])
    t.match(await call('GET', `/api/crm/contacts${query}`), { status: 400 }, query);

  await call('PUT', '/api/integrations/hubspot', { as: owner, body: { token: 'pat-contacts' } });
  t.match(
    (await call('GET', '/api/crm/contacts?query=ada')).body.data,
    [{ owner: '41' }],
    'without the scope',
  );
  const { secretBox, options } = tasksOptions();
  const findContact = createFindContact({
    ...options,
    secretBox,
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
  t.match(await findContact(database, ACCOUNT, 'ada@example.com'), { name: 'Ada Lovelace' });
  t.equal(await findContact(database, ACCOUNT, 'unknown@example.com'), null);
  t.equal(await findContact(database, OTHER_ACCOUNT, 'ada@example.com'), null);
  await pool.query(`UPDATE integrations SET secret = $1 WHERE provider = 'hubspot'`, [
    secretBox.seal('pat-invalid', `integrations ${ACCOUNT} hubspot`),
  ]);
  t.equal(
    await findContact(database, ACCOUNT, 'ada@example.com'),
    null,
    'and the draft is written without it',
  );
  t.match((await call('GET', '/api/integrations', { as: owner })).body.data[1], {
    status: 'failing',
    last_error: 'HubSpot does not accept the token.',
  });
});

/** What the tasks and the search need, in this process. */
function tasksOptions() {
  const secretBox = createSecretBox([KEY]);
  const entitlements = { get: async () => testEntitlements(), catalogueOf: async () => undefined };
  const options: PublishOptions & { hubspotUrl: string } = {
    ...{ database, secretBox, entitlements, dispatcher, clock: social.clock },
    http: { request: () => Promise.reject(new Error('Not in this test.')) },
    readMedia: async () => undefined,
    notionUrl: `${simulator.url}/notion`,
    hubspotUrl: `${simulator.url}/hubspot`,
  };
  return { secretBox, options };
}

t.test('given a new encryption key, then stored secrets are encrypted with it', async (t) => {
  const { options } = tasksOptions();
  const next = createSecretBox([Buffer.alloc(32, 7), KEY]);
  const logger = createLogger({ name: 'test', level: 'silent' });
  await runTaskOnce(
    integrationTasks({ ...options, secretBox: next }),
    'encrypt-integration-secrets',
    {},
    logger,
  );
  const { rows } = await pool.query('SELECT secret FROM integrations WHERE provider = $1', ['notion']);
  t.ok(rows[0]?.secret.startsWith(next.prefix));
  t.equal(next.open(rows[0]?.secret, `integrations ${ACCOUNT} notion`), TOKEN);
  await pool.query('UPDATE integrations SET secret = $1 WHERE provider = $2', [
    tasksOptions().secretBox.seal(TOKEN, `integrations ${ACCOUNT} notion`),
    'notion',
  ]);
});

t.test('given a caller without the right, then every route refuses', async (t) => {
  const id = await createDocument('Mine', 'x');
  const managed = [
    ['GET', '/api/integrations', undefined],
    ['PUT', '/api/integrations/notion', notion],
    ['PUT', '/api/integrations/hubspot', { token: 'pat-eu1-x' }],
    ['PUT', '/api/integrations/webhook', { url: 'https://cms.example.com/' }],
    ['POST', '/api/integrations/notion/check', undefined],
    ['DELETE', '/api/integrations/notion', undefined],
  ] as const;
  const used = [
    ['POST', `/api/documents/${id}/publish`, { provider: 'notion' }],
    ['GET', `/api/documents/${id}/publications`, undefined],
    ['GET', '/api/crm/contacts?query=x', undefined],
  ] as const;
  for (const [method, path, body] of [...managed, ...used])
    t.match(await call(method, path, { as: null, body }), { status: 401 }, `${method} ${path}`);
  for (const [method, path, body] of managed)
    t.match(await call(method, path, { body }), { status: 403, body: { code: 'role_required' } }, path);
  const other = { ...owner, accountId: OTHER_ACCOUNT };
  for (const [method, path, body] of used.slice(0, 2))
    t.match(await call(method, path, { as: other, body }), { status: 404 }, path);
  t.match(await call('POST', '/api/integrations/notion/check', { as: other }), { status: 404 });
  t.match(await call('DELETE', '/api/integrations/notion', { as: other }), { status: 404 });
  t.match(await call('POST', `/api/documents/${SOME_ID}/publish`, { body: { provider: 'notion' } }), {
    status: 404,
  });
});

t.test('given input that is wrong, then it is refused', async (t) => {
  const id = await createDocument('Mine', 'x');
  for (const [path, body] of [
    ['/api/integrations/notion', { token: 'short', parent_page_id: PARENT }],
    ['/api/integrations/notion', { token: 'ntn_with space', parent_page_id: PARENT }],
    ['/api/integrations/notion', { ...notion, parent_page_id: 'x' }],
    ['/api/integrations/notion', { ...notion, more: true }],
    ['/api/integrations/hubspot', {}],
    ['/api/integrations/hubspot', { token: 'x'.repeat(501) }],
    ['/api/integrations/webhook', { url: 'x' }],
    ['/api/integrations/webhook', { url: `https://cms.example.com/${'x'.repeat(500)}` }],
  ] as const)
    t.match(await call('PUT', path, { as: owner, body }), { status: 400 }, JSON.stringify(body).slice(0, 60));
  for (const body of [{}, { provider: 'hubspot' }, { provider: 'notion', more: 1 }])
    t.match(await call('POST', `/api/documents/${id}/publish`, { body }), { status: 400 });
  t.match(await call('POST', '/api/integrations/slack/check', { as: owner }), { status: 400 });
  t.match(
    await call('PUT', '/api/integrations/hubspot', { as: owner, body: { token: 'x'.repeat(100_000) } }),
    { status: 413 },
  );
});

t.test('given a plan without the feature, then it names the plans that have it', async (t) => {
  const id = await createDocument('Mine', 'x');
  await social.setPlan('free');
  const refused = {
    status: 403,
    body: { code: 'feature_not_in_plan', feature: 'notion_integration', plan: 'free' },
  };
  const answer = await call('PUT', '/api/integrations/notion', { as: owner, body: notion });
  t.match(answer, refused);
  t.match(answer.body.suggested_plans[0], { key: 'pro' });
  t.match(await call('POST', `/api/documents/${id}/publish`, { body: { provider: 'notion' } }), refused);
  t.match(
    await call('PUT', '/api/integrations/webhook', { as: owner, body: { url: 'https://cms.example.com/' } }),
    {
      status: 403,
      body: { feature: 'custom_integrations', suggested_plans: [{ key: 'enterprise' }] },
    },
  );
  await social.setPlan('enterprise');
});

t.test('given a connection that is deleted, then its secret is gone and nothing is published', async (t) => {
  const id = await createDocument('Mine', 'x');
  t.match(await call('DELETE', '/api/integrations/notion', { as: owner }), { status: 204 });
  t.match(await call('DELETE', '/api/integrations/notion', { as: owner }), { status: 404 });
  t.match(await call('POST', '/api/integrations/notion/check', { as: owner }), { status: 404 });
  t.match(await call('POST', `/api/documents/${id}/publish`, { body: { provider: 'notion' } }), {
    status: 409,
    body: { code: 'conflict', reason: 'not_connected' },
  });
});
