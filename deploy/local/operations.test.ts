/**
 * Calls the operations of the API on the running system. The test client compares every answer with the document, so each
 * call here is also a test of its description.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import type { Operation } from '#libs/contracts/operation.ts';
import { callMembers, callSessions } from './operations/accounts.fixture.ts';
import { OPERATIONS, startCalls } from './operations/calls.fixture.ts';
import {
  callGeneration,
  callJobs,
  callKnowledge,
  callMedia,
  callVendorRoutes,
} from './operations/generation.fixture.ts';
import {
  callOutcomes,
  callPaymentProvider,
  callPrices,
  callSubscriptions,
} from './operations/money.fixture.ts';
import { callAlerts, callPartnerRoutes, callStaffRoutes } from './operations/usage.fixture.ts';
import { fuzzRequest } from './request-fuzzer.fixture.ts';

t.setTimeout(300_000);

/** The long form is `npm run fuzz:requests`. */
const DAMAGED_REQUESTS = 400;

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

t.test('every operation answers as it is documented', async (t) => {
  const calls = await startCalls(t);
  const { url, staffToken, customer, call, askAll, owner, account_id, exercised } = calls;

  await t.test('sign-up, sessions and the current user', () => callSessions(calls));

  await t.test('keys, members, invitations and workspaces', () => callMembers(calls));

  await t.test('generation and its usage', () => callGeneration(calls));

  await t.test('jobs and their documents', () => callJobs(calls));

  await t.test('media and recordings', () => callMedia(calls));

  await t.test('alerts, and usage as it changes', () => callAlerts(calls));

  await t.test('plans, subscriptions and payments', () => callSubscriptions(calls));

  await t.test('the work of staff', () => callStaffRoutes(calls));

  await t.test('instructions, knowledge and publishing', () => callKnowledge(calls));

  await t.test('what partners report and reserve', () => callPartnerRoutes(calls));

  await t.test('the routes of vendors', () => callVendorRoutes(calls));

  await t.test('prices, reports and revenue', () => callPrices(calls));

  await t.test('fees by outcome', () => callOutcomes(calls));

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

  await t.test('payments through a provider', (t) => callPaymentProvider(t, calls));

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
