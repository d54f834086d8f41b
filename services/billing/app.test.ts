/** Who may call the operations of plans, subscriptions, trials and payments, and with which requests. */
import t from 'tap';
import { billingAdminOperations } from '#libs/contracts/billing-admin.ts';
import { entitlementsPath } from '#libs/contracts/entitlements.ts';
import { keyLimitsPath } from '#libs/contracts/key-limits.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { planOperations } from '#libs/contracts/plans.ts';
import { subscriptionOperations } from '#libs/contracts/subscriptions.ts';
import { trialOperations } from '#libs/contracts/trials.ts';
import { callerWith, customer, requestsOf, staff } from './customers.fixture.ts';
import { ACCOUNT, createTestService, KEY, OTHER_ACCOUNT } from './fixtures.ts';

const REQUEST_ID = '0190a1b2-0000-7000-8000-00000000e001';
const OVER_LIMIT_BYTES = 3 * 1024 * 1024;
const JSON_BODY = { 'content-type': 'application/json' };

const operations: readonly Operation[] = [
  ...planOperations,
  ...subscriptionOperations,
  ...trialOperations,
  ...billingAdminOperations,
];
const staffOperations = operations.filter(({ auth }) => auth === 'staff');
const customerWrites = operations.filter(({ auth, method }) => auth === 'user' && method === 'POST');

const urlOf = ({ path }: Operation) => path.replace('{id}', REQUEST_ID).replace('{name}', 'chat');
const bodyOf = ({ bodyExample }: Operation) => (bodyExample === undefined ? {} : { body: bodyExample });

t.test('given requests without a signed context, then every route answers 401', async (t) => {
  const { call } = await createTestService(t);
  for (const operation of operations) {
    const { status, body } = await call(operation.method, urlOf(operation), bodyOf(operation));
    t.strictSame([status, body.code], [401, 'unauthenticated'], operation.operationId);
  }
  t.equal((await call('GET', entitlementsPath(ACCOUNT))).status, 401);
  t.equal((await call('PUT', keyLimitsPath(ACCOUNT, KEY), { body: { limits: [] } })).status, 401);
});

t.test('given customers, then no staff route admits them', async (t) => {
  const { call } = await createTestService(t);
  for (const operation of staffOperations) {
    for (const as of [
      callerWith(),
      callerWith({ role: 'member' }),
      callerWith({ userId: null, keyId: KEY }),
    ]) {
      const { status, body } = await call(operation.method, urlOf(operation), { as, ...bodyOf(operation) });
      t.strictSame([status, body.code], [403, 'platform_role_required'], operation.operationId);
    }
  }
});

t.test('given support staff, then they may read and not write', async (t) => {
  const { call } = await createTestService(t);
  const as = { ...staff, platformRole: 'support' } as const;
  for (const operation of staffOperations) {
    const { status } = await call(operation.method, urlOf(operation), { as, ...bodyOf(operation) });
    t.equal(status, operation.method === 'GET' ? 200 : 403, operation.operationId);
  }
});

t.test('given members and limited keys, then they change no subscription', async (t) => {
  const service = await createTestService(t);
  const limitedKey = callerWith({ userId: null, keyId: KEY, role: 'member', scopes: ['billing:read'] });
  for (const operation of customerWrites) {
    for (const as of [callerWith({ role: 'member' }), limitedKey]) {
      const options = { as, ...bodyOf(operation) };
      const { status, body } = await service.call(operation.method, urlOf(operation), options);
      t.strictSame([status, body.code], [403, 'role_required'], operation.operationId);
    }
  }
  t.strictSame(await requestsOf(service), []);
});

t.test('given bodies that are malformed or too large, then nothing happens', async (t) => {
  const service = await createTestService(t);
  const writes = operations.filter(({ body }) => body !== undefined);
  t.equal(writes.length, 7);
  for (const operation of writes) {
    const as = operation.auth === 'staff' ? staff : callerWith();
    const send = (body: unknown, headers = {}) =>
      service.call(operation.method, urlOf(operation), { as, body, headers });
    const example = operation.bodyExample as object;
    const cases: [name: string, body: unknown, status: number][] = [
      ['truncated JSON', '{"plan":', 400],
      ['an array', [example], 400],
      ['an empty object', {}, 400],
      ['an unknown field', { ...example, price: 0 }, 400],
      ['another account', { ...example, accountId: OTHER_ACCOUNT }, 400],
      ['too many bytes', { ...example, plan: 'x'.repeat(OVER_LIMIT_BYTES) }, 413],
    ];
    for (const [name, body, status] of cases) {
      t.equal((await send(body, JSON_BODY)).status, status, `${operation.operationId}: ${name}`);
    }
    t.equal((await send('plan: pro', { 'content-type': 'text/yaml' })).status, 415, operation.operationId);
  }
  t.strictSame(await requestsOf(service), []);
});

t.test('given ids and cursors that are not UUIDs, then they are refused', async (t) => {
  const { call } = await createTestService(t);
  const urls: [method: 'GET' | 'POST', url: string][] = [
    ['POST', '/api/admin/payment-requests/1/mark-paid'],
    ['POST', '/api/admin/payment-requests/1/void'],
    ['GET', '/api/admin/payment-requests?account_id=1'],
    ['GET', '/api/admin/payment-requests?cursor=1'],
    ['GET', '/api/admin/billing-events?account_id=1'],
    ['GET', '/api/subscription/events?cursor=1'],
    ['GET', entitlementsPath('1')],
  ];
  for (const [method, url] of urls) {
    const options = { as: staff, ...(method === 'POST' && { body: { note: 'Transfer' } }) };
    const { status, body } = await call(method, url, options);
    t.strictSame([status, body.code], [400, 'invalid_request'], url);
  }
});

t.test("given another account's payment request, then a customer neither sees nor resolves it", async (t) => {
  const service = await createTestService(t);
  const { body } = await customer(service, OTHER_ACCOUNT).upgrade('pro');
  const id = body.payment_request?.id;
  const own = customer(service, ACCOUNT);
  t.equal((await own.post(`/api/admin/payment-requests/${id}/mark-paid`, { note: 'Mine' })).status, 403);
  t.strictSame(await own.events(), []);
  const { body: myPlan } = await own.get<{ open_payment_request: unknown }>('/api/plans/my-plan');
  t.equal(myPlan.open_payment_request, null);
  const foreign = await service.call('GET', `/api/subscription/events?account_id=${OTHER_ACCOUNT}`, {
    as: callerWith(),
  });
  t.not(foreign.body.data?.length > 0, true, 'the account comes from the caller alone');
  t.match(await requestsOf(service), [{ id, status: 'open' }]);
});
