/**
 * Calls the operations of the API on the running system. The test client compares every answer with the document, so each
 * call here is also a test of its description.
 */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Operation } from '#libs/contracts/operation.ts';
import { createDatabase } from '#libs/db/database.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { silence } from '#libs/simulators/audio.ts';
import { click } from '#libs/simulators/stripe/stripe.fixture.ts';
import { signatureOf } from '#libs/simulators/stripe/webhooks.ts';
import { checkDocumented } from '#libs/testing/document.ts';
import { request } from '#libs/testing/http.ts';
import { callerWith, staff } from '#services/billing/customers.fixture.ts';
import { createStripeService, SECRET } from '#services/billing/payments/stripe/stripe.fixture.ts';
import { DOCUMENTED_OPERATIONS } from '#services/gateway/openapi/documented-operations.ts';
import { storeMonth } from '#services/usage-metering/partitions/archive.ts';
import { cataloguePathOf } from './bootstrap.ts';
import { type Answer, startInstallation } from './installation.fixture.ts';
import { fuzzRequest } from './request-fuzzer.fixture.ts';

t.setTimeout(300_000);

const OPERATIONS = new Map<string, Operation>(DOCUMENTED_OPERATIONS.map((one) => [one.operationId, one]));
/** The long form is `npm run fuzz:requests`. */
const DAMAGED_REQUESTS = 400;
const EMAIL = 'grace@example.com';
const PASSWORD = 'a long enough password';

/** Features whose tests run on the same clients, with the accounts and vendors that they need. */
const CALLED_BY: Readonly<Record<string, readonly string[]>> = {
  'deploy/local/autopilots.test.ts': [
    'createAutopilot',
    'listAutopilots',
    'getAutopilot',
    'updateAutopilot',
    'deleteAutopilot',
    'pauseAutopilot',
    'resumeAutopilot',
    'listAutopilotRuns',
    'recordSocialPostResults',
    'createInboxMessage',
    'listInboxMessages',
    'getInboxMessage',
    'updateInboxMessage',
    'deleteInboxMessage',
    'draftInboxReply',
  ],
  'services/gateway/branding/branding.test.ts': ['getBranding', 'setBranding', 'deleteBranding'],
  'services/generation/integrations/integrations.test.ts': [
    'listIntegrations',
    'connectNotion',
    'connectHubspot',
    'connectWebhook',
    'disconnectIntegration',
    'checkIntegration',
    'publishDocument',
    'listPublications',
    'searchContacts',
  ],
};

type Parts = {
  params?: Record<string, string>;
  query?: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** A successful one unless given. */
  status?: number;
};
/** An operation, and the parts of its request that its examples do not have. */
type Call = readonly [operationId: string, parts?: Parts];

t.test('every operation answers as it is documented', async (t) => {
  const { url, staffToken, customer, keyOf, call, pool, storage } = await startInstallation(t, 'default');
  const owner = await customer('pro');
  const { body: me } = await call('/api/me', owner.token);
  const user_id: string = me.user.id;
  const account_id = owner.accountId;
  const exercised = new Set<string>();

  function check(operationId: string, { status, body }: Pick<Answer, 'status' | 'body'>, expected?: number) {
    const isExpected = expected === undefined ? status < 300 : status === expected;
    t.ok(isExpected, `${operationId}: ${status} ${isExpected ? '' : JSON.stringify(body)}`);
    exercised.add(operationId);
  }

  async function ask([operationId, parts = {}]: Call, credential?: string): Promise<Answer> {
    const { auth, method, target, body } = requestOf(operationId, parts);
    const token = credential ?? (auth === 'staff' ? staffToken : owner.token);
    const answer: Answer = await request(`${url}${target}`, {
      method,
      headers: { ...(auth !== 'none' && { authorization: `Bearer ${token}` }), ...parts.headers },
      ...(body !== undefined && { body }),
    });
    check(operationId, answer, parts.status);
    return answer;
  }
  const askAll = async (...calls: Call[]) => {
    for (const one of calls) await ask(one);
  };

  await t.test('sign-up, sessions and the current user', async () => {
    const account = { email: 'someone@example.com', password: PASSWORD };
    await ask(['register', { body: account }]);
    const { body: session } = await ask(['login', { body: account }]);
    const { body: next } = await ask(['refresh', { body: { refresh_token: session.refresh_token } }]);
    const { body: someone } = await ask(['updateMe', { body: { name: 'Someone' } }], next.access_token);
    await askAll(
      ['logout', { body: { refresh_token: next.refresh_token } }],
      ['resendVerification'],
      ['requestPasswordReset'],
      ['getMe'],
      ['listMyAccounts'],
      ['getJsonWebKeySet'],
    );
    const mailed = { verifyEmail: 'verify_email', confirmPasswordReset: 'password_reset' };
    for (const [operationId, purpose] of Object.entries(mailed)) {
      const token = `${operationId} of a mail`;
      await pool.query(
        `INSERT INTO email_tokens (id, user_id, purpose, token_hash, created_at, expires_at)
         VALUES (gen_random_uuid(), $1, $2, $3, now(), now() + interval '1 hour')`,
        [someone.user.id, purpose, hash('sha256', token)],
      );
      const password = 'the password of tests, but another';
      await ask([operationId, { body: { token, ...(purpose === 'password_reset' && { password }) } }]);
    }
  });

  await t.test('keys, members, invitations and workspaces', async () => {
    const { body: key } = await ask(['createApiKey', { body: { name: 'Robot', scopes: ['*'] } }]);
    const params = { id: key.id };
    await askAll(
      ['listApiKeys'],
      ['getApiKey', { params }],
      ['changeApiKey', { params, body: { name: 'Android' } }],
      ['rotateApiKey', { params }],
      ['revokeApiKey', { params }],
    );
    const { body: member } = await ask(['addMember', { body: { email: EMAIL, password: PASSWORD } }]);
    const { body: invitation } = await ask(['createInvitation', { body: { email: 'ida@example.com' } }]);
    await askAll(
      ['changeMember', { params: { user_id: member.user_id }, body: { role: 'admin' } }],
      ['listMembers'],
      ['removeMember', { params: { user_id: member.user_id } }],
      ['listInvitations'],
      ['acceptInvitation', { body: { token: invitation.token, password: PASSWORD, name: 'Ida' } }],
    );
    const { body: other } = await ask(['createInvitation', { body: { email: 'joan@example.com' } }]);
    const { body: workspace } = await ask(['createWorkspace']);
    await askAll(
      ['revokeInvitation', { params: { id: other.id } }],
      ['listWorkspaces'],
      ['getWorkspace', { params: { id: workspace.id } }],
      ['deleteWorkspace', { params: { id: workspace.id } }],
    );
  });

  await t.test('generation and its usage', async () => {
    const { headers } = await ask(['createChatCompletion', { body: chat('gpt-4o-mini') }]);
    const { body: response } = await ask(['createResponse', { body: { model: 'gpt-4o-mini', input: 'Hi' } }]);
    const day = new Date().toISOString().slice(0, 10);
    await askAll(
      ['getResponse', { params: { response_id: response.id } }],
      ['listInputItems', { params: { response_id: response.id } }],
      ['deleteResponse', { params: { response_id: response.id } }],
      ['listModels'],
      ['searchWeb'],
      ['createEmbeddings'],
      ['createModeration'],
      ['createImage'],
      ['countMessageTokens'],
      ['countResponseTokens'],
      ['listGeminiModels'],
      ['getModel', { params: { model: 'gpt-4o-mini' } }],
      ['generateImages', { body: { prompt: 'A pen' } }],
      ['getImageCapabilities'],
      ['listImageModels'],
      ['getImageUsage'],
      ['getUsage'],
      ['getUserUsage', { params: { user_id } }],
      ['listUsageRequests', { query: '?limit=1' }],
      ['getUsageRequest', { params: { request_id: headers.get('x-request-id') ?? '' } }],
      ['exportUsageCsv'],
      ['exportUsageNdjson'],
      ['getDashboard', { params: { user_id } }],
      ['getUsageTrends', { params: { user_id } }],
      ['getUsageBreakdown', { query: `?from=${day}&to=${day}` }],
      ['getUsageInsights'],
      ['getUsageProjection'],
      ['listAlerts', { params: { user_id } }],
      ['getAlertPreferences', { params: { user_id } }],
      ['setAlertPreferences', { params: { user_id } }],
      ['listMedia'],
      ['listDocuments'],
      ['listGenerations'],
    );
  });

  await t.test('jobs and their documents', async () => {
    const asked = { topic: 'Fountain pens', length: 450 };
    const isWaiting = async (id: string) =>
      (await call(`/api/generations/${id}`, owner.token)).body.status === 'needs_approval';
    const create = async (more: object = {}) =>
      (await ask(['createGeneration', { body: { ...asked, ...more } }])).body.id as string;
    const ended = async (id: string) => ask(['streamGenerationEvents', { params: { id } }]);

    const waiting = await create({ outline_approval: true });
    await until(() => isWaiting(waiting));
    await ask(['getGeneration', { params: { id: waiting } }]);
    await ask(['approveGeneration', { params: { id: waiting }, body: {} }]);
    await ended(waiting);

    const abandoned = await create({ topic: 'Ballpoint pens', outline_approval: true });
    await until(() => isWaiting(abandoned));
    await ask(['cancelGeneration', { params: { id: abandoned } }]);
    await ask(['retryGeneration', { params: { id: abandoned } }]);

    const headers = { accept: 'application/json' };
    const { body: content } = await ask(['generateContent', { body: asked, headers }]);
    const id: string = content.documents[0].document_id;
    const document = { params: { id } };
    const { body: rewriting } = await ask(['rewriteSection', { params: { id, section: '1' }, body: {} }]);
    await ended(rewriting.id);
    await askAll(
      ['deleteGeneration', { params: { id: waiting } }],
      ['getDocument', document],
      ['updateDocument', { ...document, body: { title: 'Pens' } }],
      ['listDocumentVersions', document],
      ['exportDocument', { ...document, query: '?format=markdown' }],
      ['deleteDocument', document],
    );
  });

  await t.test('media and recordings', async () => {
    const { body: drawn } = await ask([
      'generateImages',
      { body: { prompt: 'A pen', response_format: 'url' } },
    ]);
    const { pathname, search } = new URL(drawn.images[0].url);
    const media = { params: { id: pathname.split('/')[3] ?? '' } };
    await askAll(
      ['getMediaContent', { ...media, query: search }],
      ['getMedia', media],
      ['deleteMedia', media],
      ['createRecording', await formOf({ file: 'talk.wav' })],
    );
    const { token } = await customer('enterprise');
    await ask(['createTranscription', await formOf({ file: 'talk.wav', model: 'whisper-1' })], token);
  });

  await t.test('alerts, and usage as it changes', async () => {
    const alert_id = '0190a1b2-0000-7000-8000-00000000e001';
    await pool.query(
      `INSERT INTO alerts (id, account_id, kind, type, severity, data, created_at)
       VALUES ($1, $2, 'trial', 'trial.ending', 'info', '{"plan": "pro"}', now())`,
      [alert_id, account_id],
    );
    await ask(['markAlertRead', { params: { alert_id } }]);

    const controller = new AbortController();
    const { status, headers, body } = await fetch(`${url}/api/usage/stream`, {
      headers: { authorization: `Bearer ${owner.token}` },
      signal: controller.signal,
    });
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('\n\n')) text += (await reader?.read())?.value ?? '';
    controller.abort();
    checkDocumented({
      ...{ method: 'GET', path: '/api/usage/stream', status },
      contentType: headers.get('content-type') ?? '',
      body: text.slice(0, text.lastIndexOf('\n\n') + 2),
    });
    check('streamUsage', { status, body: text });
  });

  await t.test('plans, subscriptions and payments', async () => {
    const tried = await customer();
    await ask(['startTrial', { body: { plan: 'basic' } }], tried.token);
    const paying = await customer('pro');
    const asPaying = async (...calls: Call[]) => {
      for (const one of calls) await ask(one, paying.token);
    };
    await asPaying(
      ['downgradeSubscription', { body: { plan: 'basic' } }],
      ['cancelSubscription'],
      ['resumeSubscription'],
      ['getCurrentSubscription'],
      ['listSubscriptionEvents'],
      ['previewSubscription', { query: '?plan=enterprise' }],
    );
    const free = await customer();
    await call('/api/subscription/upgrade', free.token, { plan: 'pro' });
    const { body: requests } = await ask(['listPaymentRequests', { query: '?status=open' }]);
    await ask(['markPaymentRequestPaid', { params: { id: requests.data[0].id } }]);
    const buying = await customer();
    const { body: checkout } = await ask(['startCheckout', { body: { plan: 'pro' } }], buying.token);
    const id = new URL(checkout.url).pathname.split('/').at(-1) ?? '';
    await askAll(['showPaymentPage', { params: { id } }], ['voidPaymentRequest', { params: { id } }]);
    await askAll(
      ['getPricing'],
      ['listPlans'],
      ['listAvailablePlans'],
      ['comparePlans', { query: '?a=free&b=pro' }],
      ['getMyPlan'],
      ['getPlanLimits'],
      ['getCapability', { params: { name: 'api_access' } }],
      ['listInvoices'],
      ['getUpcomingInvoice'],
      ['listPaymentMethods'],
      ['previewBilling'],
    );
  });

  await t.test('the work of staff', async () => {
    const { body: override } = await ask(['createOverride', { params: { account_id } }]);
    const body = { kind: 'provider', target: 'mistral', reason: 'For a test.' };
    const { body: stop } = await ask(['createStop', { body }]);
    const { body: versions } = await ask(['listCatalogues']);
    const [{ version_id }] = versions.data;
    const { body: published } = await ask(['publishCatalogue', { params: { version_id } }]);
    const flag = { params: { key: 'new_look' } };
    await askAll(
      ['listOverrides', { params: { account_id } }],
      ['endOverride', { params: { account_id, id: override.id } }],
      ['listStops'],
      ['liftStop', { params: { id: stop.id } }],
      ['getCatalogue', { params: { version_id } }],
      ['previewPublication', { params: { version_id } }],
      ['getCatalogueMigration', { params: { id: published.id } }],
      ['putSegments', { params: { account_id } }],
      ['getSegments', { params: { account_id } }],
      ['putFlag', flag],
      ['getFlag', flag],
      ['listFlags'],
      ['deleteFlag', flag],
      ['putGuardRail'],
      ['listGuardRails'],
      ['deleteGuardRail', { query: '?kind=plan&target=free' }],
      ['listPrices', { query: '?model=gpt-4o-mini' }],
      [
        'addPrices',
        { body: { ...(OPERATIONS.get('addPrices')?.bodyExample as object), valid_from: undefined } },
      ],
      ['assignPlan', { body: { account_id, plan: 'enterprise', reason: 'For a test.' } }],
      ['listBillingEvents'],
      ['listOperatorAlerts'],
      ['listUnresolvedUsage'],
      ['listJobs'],
      ['listAudit'],
    );
    const { rows } = await pool.query(`SELECT id FROM graphile_worker.add_job('deliver-event', '{}')`);
    await pool.query('UPDATE graphile_worker._private_jobs SET attempts = max_attempts WHERE id = $1', [
      rows[0].id,
    ]);
    await ask(['retryJob', { params: { id: rows[0].id } }]);
    // As if the process of a call had died.
    await pool.query(`UPDATE usage_events SET usage_source = 'bound' WHERE account_id = $1`, [account_id]);
    const { body: unresolved } = await ask(['listUnresolvedUsage']);
    const { id } = unresolved.data.find(({ model }: { model: string }) => model === 'gpt-4o-mini');
    const usage = { input: 5, output: 5 };
    await ask(['resolveUsage', { params: { id }, body: { usage, reason: 'For a test.' } }]);
    const month = new Date().toISOString().slice(0, 7);
    const { signal } = new AbortController();
    await storeMonth({ database: createDatabase(pool), storage }, `${month}-01`, new Date(), signal);
    await ask(['exportUsageArchive', { params: { month } }]);
  });

  await t.test('instructions, knowledge and publishing', async () => {
    const { body: voice } = await ask(['createBrandVoice']);
    const { body: prompt } = await ask(['createPrompt']);
    const { body: file } = await ask(['addKbFile']);
    const { body: connection } = await ask(['createSocialConnection']);
    const connection_id: string = connection.id;
    const { body: post } = await ask(['createSocialPost', { body: { connection_id, text: 'Ink' } }]);
    const post_id = { params: { id: post.id } };
    const { body: draft } = await ask(['createSocialPost', { body: { connection_id, text: 'A pen' } }]);
    await ask(['publishSocialPost', { params: { id: draft.id }, body: {} }]);
    await askAll(
      ['getBrandVoice', { params: { id: voice.id } }],
      ['updateBrandVoice', { params: { id: voice.id } }],
      ['listBrandVoices'],
      ['deleteBrandVoice', { params: { id: voice.id } }],
      ['getPrompt', { params: { id: prompt.id } }],
      ['updatePrompt', { params: { id: prompt.id } }],
      ['previewPrompt', { params: { id: prompt.id } }],
      ['listPrompts'],
      ['deletePrompt', { params: { id: prompt.id } }],
      ['getKbFile', { params: { id: file.id } }],
      ['listKbFiles'],
      ['searchKbPassages', { query: '?query=ink' }],
      ['deleteKbFile', { params: { id: file.id } }],
      ['getSocialPost', post_id],
      ['listSocialPosts'],
      ['createSocialPosts', { body: { posts: [{ connection_id, text: 'Pen' }] } }],
      ['deleteSocialPost', post_id],
      ['getSocialConnection', { params: { id: connection_id } }],
      ['listSocialConnections'],
      ['deleteSocialConnection', { params: { id: connection_id } }],
    );
  });

  await t.test('what partners report and reserve', async () => {
    const { body: hold } = await ask(['createHold']);
    await askAll(
      ['checkOperations'],
      ['settleHold', { params: { id: hold.id } }],
      ['closeHold', { params: { id: hold.id } }],
      ['reportEvents'],
    );
    const key = await keyOf(owner);
    const { body: token } = await ask(['createSessionToken'], key);
    await ask(['revokeSessionToken', { params: { id: token.id } }], key);
    const { body: endpoint } = await ask(['createWebhookEndpoint']);
    const params = { id: endpoint.id };
    const { body: test } = await ask(['testWebhookEndpoint', { params }]);
    const delivery = { params: { id: endpoint.id, delivery_id: test.id } };
    await askAll(
      ['getWebhookEndpoint', { params }],
      ['changeWebhookEndpoint', { params }],
      ['rotateWebhookSecret', { params }],
      ['listWebhookEndpoints'],
      ['listWebhookDeliveries', { params }],
      ['getWebhookDelivery', delivery],
      ['replayWebhookDelivery', delivery],
      ['replayWebhookDeliveries', { params }],
      ['deleteWebhookEndpoint', { params }],
    );
  });

  await t.test('the routes of vendors', async () => {
    const gemini = { params: { model: 'gemini-2.5-flash' } };
    const embedder = { params: { model: 'gemini-embedding-001' } };
    await askAll(
      ['createMessage'],
      ['createCompletion'],
      ['generateContentOfModel', gemini],
      ['streamGenerateContent', gemini],
      ['getGeminiModel', gemini],
      ['countContentTokens', gemini],
      ['embedContent', embedder],
      ['batchEmbedContents', embedder],
      ['createSpeech'],
    );
  });

  await t.test('prices, reports and revenue', async () => {
    const alias = { params: { alias: 'house-model' } };
    const next = new Date(Date.now() + 86_400_000).toISOString();
    const prices = OPERATIONS.get('addPrices')?.bodyExample as object;
    await askAll(
      ['addPrices', { body: { ...prices, valid_from: next } }],
      ['addModelAlias', { body: { alias: 'house-model', provider: 'openai', model: 'gpt-4o-mini' } }],
      ['listModelAliases'],
      ['removeModelAlias', alias],
      ['cancelPrices', { body: { provider: 'openai', model: 'gpt-4o-mini', valid_from: next } }],
      ['importPriceList'],
      ['previewPrices'],
      ['listUnpricedModels'],
      ['exportAllUsageCsv'],
      ['exportAllUsageNdjson'],
      ['listUsageArchives'],
      ['reconcileUsage'],
      ['getRecurringRevenue'],
      ['importCatalogue', { body: { source: readFileSync(cataloguePathOf('lily'), 'utf8') } }],
    );
  });

  await t.test('fees by outcome', async () => {
    const account = { params: { account_id } };
    const at = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const terms = OPERATIONS.get('createOutcomeAgreement')?.bodyExample as object;
    const create = (ends_at: string) =>
      ask(['createOutcomeAgreement', { ...account, body: { ...terms, starts_at: at(-30), ends_at } }]);
    const { body: ended } = await create(at(-1));
    const { body: running } = await create(at(30));
    const measured = { value: '512', measured_at: at(-2), source: 'CRM' };
    await askAll(
      ['addOutcomeMeasurement', { params: { id: ended.id }, body: measured }],
      ['settleOutcomeAgreement', { params: { id: ended.id } }],
      ['cancelOutcomeAgreement', { params: { id: running.id } }],
      ['listOutcomeAgreements', account],
      ['markOutcomeAgreementPaid', { params: { id: ended.id } }],
      ['listOutcomes'],
      ['getOutcome', { params: { id: ended.id } }],
    );
  });

  await t.test('every list is paged', async (t) => {
    type Page = { data: unknown[]; next_cursor: string | null };
    const walked: string[] = [];
    for (const { operationId, path: target, querystring, auth } of OPERATIONS.values()) {
      const url = target.replace('{account_id}', account_id);
      // An export has a cursor too, but is a file.
      const isList = querystring?.shape.cursor !== undefined && querystring.shape.limit !== undefined;
      if (!isList || url.includes('{')) continue;
      const token = auth === 'staff' ? staffToken : owner.token;
      const read = async (page: string): Promise<Page> => {
        const { body, status } = await call(`${url}?limit=1${page}`, token);
        t.equal(status, 200, operationId);
        return body;
      };
      const first = await read('');
      t.ok(first.data.length <= 1, operationId);
      if (first.next_cursor === null) continue;
      const second = await read(`&cursor=${encodeURIComponent(first.next_cursor)}`);
      t.equal(second.data.length, 1, operationId);
      t.strictNotSame(second.data, first.data, `${operationId}: another page`);
      walked.push(operationId);
    }
    t.ok(walked.length >= 10, walked.join(' '));
  });

  await t.test('the service itself', () => askAll(['getHealth'], ['getOpenApiJson'], ['getOpenApiYaml']));

  await t.test('damaged requests are answered as documented, and never with a fault of ours', async (t) => {
    const { token } = await customer('enterprise');
    const tokenFor = (auth: Operation['auth']) => (auth === 'staff' ? staffToken : token);
    for (let seed = 0; seed < DAMAGED_REQUESTS; seed += 1) await fuzzRequest({ url, tokenFor }, seed);
    t.pass(`${DAMAGED_REQUESTS} requests`);
  });

  await t.test('payments through a provider', async () => {
    const stripe = await createStripeService(t);
    const { service, settle } = stripe;
    const askBilling = async <Body = Record<string, string>>([operationId, parts = {}]: Call) => {
      const { auth, method, target, body } = requestOf(operationId, parts);
      const { headers = {} } = parts;
      const as = auth === 'staff' ? staff : callerWith();
      const answer = await service.call<Body>(method, target, { as, body, headers });
      check(operationId, answer, parts.status);
      await settle();
      return answer.body;
    };
    const { url: page = '' } = await askBilling(['startCheckout', { body: { plan: 'basic' } }]);
    await click(page, { card: '4242' });
    await settle();
    const { data: invoices } = await askBilling<{ data: { id: string }[] }>(['listInvoices']);
    const invoice_id = invoices[0]?.id ?? '';
    const reason = 'For a test.';
    const { rows } = await stripe.pool.query(`SELECT event_id FROM stripe_inbox WHERE type = 'invoice.paid'`);
    const event = JSON.stringify({ id: 'evt_1', object: 'event', type: 'ping', data: { object: {} } });
    const seconds = Math.floor(stripe.runtime.clock.now().getTime() / 1000);
    const signed = {
      'content-type': 'application/json',
      'stripe-signature': signatureOf(event, [SECRET], seconds),
    };
    const calls: Call[] = [
      ['getInvoice', { params: { id: invoice_id } }],
      ['openPortal'],
      ['upgradeSubscription', { body: { plan: 'pro' } }],
      ['upgradePlan', { body: { plan: 'enterprise' } }],
      ['setSeats', { body: { seats: 30 } }],
      ['pauseBilling'],
      ['resumeBilling'],
      ['cancelBilling'],
      ['refundInvoice', { body: { invoice_id, amount_minor: 100, reason } }],
      ['creditInvoice', { body: { invoice_id, amount_minor: 100, reason } }],
      ['replayBillingEvent', { params: { event_id: rows[0].event_id } }],
      ['resyncBillingAccount', { params: { account_id: callerWith().accountId } }],
      ['getBillingDrift'],
      ['receiveStripeEvent', { body: event, headers: signed }],
    ];
    for (const one of calls) await askBilling(one);
  });

  for (const [file, operationIds] of Object.entries(CALLED_BY)) {
    const test = readFileSync(path.resolve(import.meta.dirname, '../..', file), 'utf8');
    for (const operationId of operationIds) {
      const segments = OPERATIONS.get(operationId)?.path.split('/') ?? [];
      const last = segments.findLast((segment) => !segment.startsWith('{')) ?? '';
      t.ok(test.includes(last), `${file} calls ${operationId}`);
      exercised.add(operationId);
    }
  }
  t.strictSame(
    [...OPERATIONS.keys()].filter((operationId) => !exercised.has(operationId)),
    [],
    'every operation was called',
  );
});

function requestOf(operationId: string, { params, query = '', body }: Parts) {
  const operation = OPERATIONS.get(operationId);
  if (operation === undefined) throw new Error(`There is no operation ${operationId}.`);
  const { auth, method, bodyExample } = operation;
  const pathname = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params?.[name];
    if (value === undefined) throw new Error(`${operationId} needs ${name}.`);
    return encodeURIComponent(value);
  });
  return { auth, method, target: pathname + query, body: body ?? bodyExample };
}

/** A form with a recording of a second, as a body. */
async function formOf({ file, ...fields }: { file: string } & Record<string, string>): Promise<Parts> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([Uint8Array.from(silence(1))], { type: 'audio/wav' }), file);
  const encoded = new Response(form);
  return {
    body: new Uint8Array(await encoded.arrayBuffer()),
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
  };
}

const chat = (model: string) => ({ model, max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] });
