/**
 * Calls the operations of the API on the running system. The test client compares every answer with the document, so each
 * call here is also a test of its description.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Operation } from '#libs/contracts/operation.ts';
import { request } from '#libs/testing/http.ts';
import { DOCUMENTED_OPERATIONS } from '#services/gateway/openapi/documented-operations.ts';
import { cataloguePathOf } from './bootstrap.ts';
import { type Answer, startInstallation } from './installation.fixture.ts';
import { fuzzRequest } from './request-fuzzer.fixture.ts';

t.setTimeout(180_000);

const ROOT = path.resolve(import.meta.dirname, '../..');
const OPERATIONS = new Map<string, Operation>(DOCUMENTED_OPERATIONS.map((one) => [one.operationId, one]));
/** The long form is `npm run fuzz:requests`. */
const DAMAGED_REQUESTS = 400;
const EMAIL = 'grace@example.com';
const PASSWORD = 'a long enough password';

type Parts = { params?: Record<string, string>; query?: string; body?: unknown };
/** An operation, and the parts of its request that its examples do not have. */
type Call = readonly [operationId: string, parts?: Parts];

t.test('every operation answers as it is documented', async (t) => {
  const { url, staffToken, customer, keyOf, call } = await startInstallation(t, 'default');
  const owner = await customer('pro');
  const { body: me } = await call('/api/me', owner.token);
  const user_id: string = me.user.id;
  const account_id = owner.accountId;
  const exercised = new Set<string>();

  async function ask([operationId, parts = {}]: Call, credential?: string): Promise<Answer> {
    const operation = OPERATIONS.get(operationId);
    if (operation === undefined) throw new Error(`There is no operation ${operationId}.`);
    const { auth, method, bodyExample, responses } = operation;
    const pathname = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = parts.params?.[name];
      if (value === undefined) throw new Error(`${operationId} needs ${name}.`);
      return encodeURIComponent(value);
    });
    const token = credential ?? (auth === 'staff' ? staffToken : owner.token);
    const body = parts.body ?? bodyExample;
    const answer: Answer = await request(`${url}${pathname}${parts.query ?? ''}`, {
      method,
      headers: auth === 'none' ? {} : { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body }),
    });
    t.ok(
      answer.status < 300 && responses[answer.status] !== undefined,
      `${operationId}: ${answer.status} ${answer.status < 300 ? '' : JSON.stringify(answer.body)}`,
    );
    exercised.add(operationId);
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
    await ask(['updateMe', { body: { name: 'Someone' } }], next.access_token);
    await askAll(
      ['logout', { body: { refresh_token: next.refresh_token } }],
      ['resendVerification'],
      ['requestPasswordReset'],
      ['getMe'],
      ['listMyAccounts'],
      ['getJsonWebKeySet'],
    );
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
      ['deleteResponse', { params: { response_id: response.id } }],
      ['listModels'],
      ['searchWeb'],
      ['createEmbeddings'],
      ['createModeration'],
      ['createImage'],
      ['countMessageTokens'],
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
  });

  await t.test('instructions, knowledge and publishing', async () => {
    const { body: voice } = await ask(['createBrandVoice']);
    const { body: prompt } = await ask(['createPrompt']);
    const { body: file } = await ask(['addKbFile']);
    const { body: connection } = await ask(['createSocialConnection']);
    const connection_id: string = connection.id;
    const { body: post } = await ask(['createSocialPost', { body: { connection_id, text: 'Ink' } }]);
    const post_id = { params: { id: post.id } };
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
    await askAll(
      ['getWebhookEndpoint', { params }],
      ['changeWebhookEndpoint', { params }],
      ['rotateWebhookSecret', { params }],
      ['listWebhookEndpoints'],
      ['listWebhookDeliveries', { params }],
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
      ['countContentTokens', gemini],
      ['embedContent', embedder],
      ['batchEmbedContents', embedder],
      ['createSpeech'],
    );
  });

  await t.test('prices, reports and revenue', async () => {
    const alias = { params: { alias: 'house-model' } };
    await askAll(
      ['addModelAlias', { body: { alias: 'house-model', provider: 'openai', model: 'gpt-4o-mini' } }],
      ['listModelAliases'],
      ['removeModelAlias', alias],
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
      ['listOutcomes'],
      ['getOutcome', { params: { id: ended.id } }],
    );
  });

  await t.test('the service itself', () => askAll(['getHealth'], ['getOpenApiJson'], ['getOpenApiYaml']));

  await t.test('damaged requests are answered as documented, and never with a fault of ours', async (t) => {
    const { token } = await customer('enterprise');
    const tokenFor = (auth: Operation['auth']) => (auth === 'staff' ? staffToken : token);
    for (let seed = 0; seed < DAMAGED_REQUESTS; seed += 1) await fuzzRequest({ url, tokenFor }, seed);
    t.pass(`${DAMAGED_REQUESTS} requests`);
  });

  await t.test('then every other operation is called in a test of its service', async (t) => {
    const files = globSync('{services,deploy/local}/**/*.test.ts', { cwd: ROOT });
    const tests = files.map((file) => readFileSync(path.join(ROOT, file), 'utf8')).join('\n');
    for (const [operationId, { path: template }] of OPERATIONS) {
      if (exercised.has(operationId)) continue;
      const last = template.split('/').findLast((segment) => !segment.startsWith('{')) ?? '';
      t.ok(tests.includes(`/${last.replace('{model}', '')}`), `${operationId}: a test calls ${template}`);
    }
  });
});

const chat = (model: string) => ({ model, max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] });
