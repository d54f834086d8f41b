import t from 'tap';
import type { AlertWire } from '#libs/contracts/alerts.ts';
import { transaction } from '#libs/db/database.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { emit } from '#libs/outbox/emit.ts';
import {
  ACCOUNT,
  addMembers,
  createTestService,
  MEMBER,
  OTHER_ACCOUNT,
  OTHER_OWNER,
  OWNER,
  type TestService,
} from '../fixtures.ts';

type List = { data: { alerts: AlertWire[]; total: number; unread_count: number } };
type One = { data: AlertWire };

const url = (user: string) => `/api/subscription/alerts/${user}`;
const preferencesUrl = (user: string) => `/api/subscription/alert-preferences/${user}`;

async function createAccount(t: Parameters<typeof createTestService>[0]) {
  const service = await createTestService(t);
  const { pool, ledger } = service;
  await addMembers(pool, ACCOUNT, [OWNER, MEMBER]);
  await pool.query(`UPDATE memberships SET role = 'owner' WHERE user_id = $1`, [OWNER]);
  await addMembers(pool, OTHER_ACCOUNT, [OTHER_OWNER]);
  const setLimit = (n: bigint) =>
    ledger.setLimits({
      accountId: ACCOUNT,
      anchor: new Date('2026-11-01T00:00:00Z'),
      periodMonths: 1,
      segments: [testSegment({ meter: 'calls.gemini', n, window: 'period', source: 'plan:basic' })],
    });
  await setLimit(1_000n);
  return { ...service, setLimit };
}

async function call(service: TestService, amount: bigint) {
  const id = service.runtime.newId();
  await service.ledger.hold(testHold(ACCOUNT, id, { 'calls.gemini': amount }));
  await service.ledger.settle(testSettle(ACCOUNT, id, { 'calls.gemini': amount }));
  return id;
}

const alertsOf = async (service: TestService, user = OWNER, query = '') =>
  (await service.call<List>('GET', url(user) + query, { as: 'owner' })).body.data;

t.test('given 1,000 calls, when 800 are used, then the user sees the alert of seed 003', async (t) => {
  const service = await createAccount(t);
  await call(service, 799n);
  t.strictSame(await alertsOf(service), { alerts: [], total: 0, unread_count: 0 });
  const { rows } = await service.pool.query(`SELECT FROM graphile_worker.jobs`);
  t.equal(rows.length, 0, 'nothing is enqueued below a threshold');

  const requestId = await call(service, 1n);
  const { alerts, total, unread_count } = await alertsOf(service);
  t.strictSame([total, unread_count], [1, 1]);
  const [alert] = alerts;
  t.strictSame(alert, {
    id: alert?.id,
    kind: 'threshold',
    type: 'usage.threshold',
    severity: 'info',
    title: 'API Usage Notice - Gemini',
    message: 'You have used 800 of 1,000 Gemini API calls',
    recommendation: 'Once the limit is reached, new requests are refused until 1 December 2026, 00:00 UTC.',
    upgrade: {
      urgency: 'medium',
      suggested_plans: [
        {
          key: 'pro',
          name: 'Pro',
          rank: 20,
          price: { currency: 'USD', monthly_minor: 7900, yearly_minor: 79000 },
          amount: { kind: 'limited', value: '5000' },
        },
        {
          key: 'enterprise',
          name: 'Enterprise',
          rank: 30,
          price: { currency: 'USD', monthly_minor: 19900, yearly_minor: 199000 },
          amount: { kind: 'unlimited' },
        },
      ],
    },
    data: {
      threshold_percentage: 80,
      limit: {
        meter: 'calls.gemini',
        label: 'Gemini calls',
        unit: 'count',
        window: 'period',
        scope: 'account',
        scope_id: null,
        amount: { kind: 'limited', value: '1000' },
        text: '1,000 Gemini calls per billing period',
        used: '800',
        percentage: 80,
        state: 'warning',
        window_start: '2026-11-01T00:00:00.000Z',
        resets_at: '2026-12-01T00:00:00.000Z',
        source: 'plan:basic',
      },
      request_id: requestId,
    },
    account_id: ACCOUNT,
    user_id: null,
    created_at: '2026-11-20T12:00:00.000Z',
    read_at: null,
  });

  await t.test(
    'when the limit is lowered, then the same transaction writes the highest alert only',
    async (t) => {
      await service.setLimit(800n);
      t.match(await alertsOf(service), {
        alerts: [
          {
            severity: 'error',
            title: 'API Limit Reached - Gemini',
            data: { limit: { state: 'exhausted' }, request_id: null },
          },
          { severity: 'info' },
        ],
        total: 2,
      });
      await service.setLimit(800n);
      t.equal((await alertsOf(service)).total, 2, 'once for each amount');
    },
  );

  await t.test('when a user marks one as read, then only that user has read it', async (t) => {
    const mark = () =>
      service.call<One>('POST', `/api/subscription/alerts/${alert?.id}/mark-read`, { as: 'owner' });
    t.match(await mark(), { status: 200, body: { data: { read_at: '2026-11-20T12:00:00.000Z' } } });
    service.runtime.clock.advance(1_000);
    t.match(await mark(), { body: { data: { read_at: '2026-11-20T12:00:00.000Z' } } });
    t.match(await alertsOf(service), { total: 2, unread_count: 1 });
    t.match(await alertsOf(service, OWNER, '?unread_only=true&limit=1'), {
      alerts: [{ severity: 'error' }],
      total: 2,
    });
    t.match(await alertsOf(service, MEMBER), { total: 2, unread_count: 2 });
  });

  await t.test('then no other caller sees them, and bad input is refused', async (t) => {
    t.equal((await service.call('GET', url(OWNER))).status, 401);
    t.equal((await service.call('GET', url(OWNER), { as: 'member' })).status, 404);
    t.equal((await service.call('GET', url(OWNER), { as: 'otherOwner' })).status, 404);
    t.match(await service.call('GET', url(OWNER), { as: 'support' }), { body: { data: { total: 2 } } });
    const mark = `/api/subscription/alerts/${alert?.id}/mark-read`;
    t.equal((await service.call('POST', mark, { as: 'otherOwner' })).status, 404);
    t.equal((await service.call('POST', mark)).status, 401);
    for (const query of ['?limit=0', '?limit=101', '?unread_only=yes', '?x=1'])
      t.equal((await service.call('GET', url(OWNER) + query, { as: 'owner' })).status, 400, query);
    t.equal((await service.call('GET', url('me'), { as: 'owner' })).status, 400);
  });
});

t.test('given events of billing, then owners see them as alerts and members do not', async (t) => {
  const service = await createAccount(t);
  const { runtime, database } = service;
  for (const [type, payload] of [
    ['payment.failed', { amount_minor: 7_900, currency: 'USD' }],
    ['payment.succeeded', {}],
    ['dispute.opened', {}],
  ] as const) {
    const event = { id: runtime.newId(), type, accountId: ACCOUNT, payload, createdAt: runtime.clock.now() };
    await transaction(database, (tx) => emit(tx, event, runtime.newId));
  }
  t.match(await alertsOf(service), {
    alerts: [{ kind: 'payment', severity: 'error', message: 'A payment of 79.00 USD was declined.' }],
    total: 1,
  });
  t.equal((await alertsOf(service, MEMBER)).total, 0);

  await t.test('then operators see what needs them', async (t) => {
    const list = () => service.call<List>('GET', '/api/admin/alerts', { as: 'support' });
    t.match(await list(), {
      body: { data: [{ kind: 'critical_error', account_id: ACCOUNT }], next_cursor: null },
    });
    t.equal((await service.call('GET', '/api/admin/alerts', { as: 'owner' })).status, 403);
  });
});

t.test('given preferences, then they are kept and the secret of the address is not shown', async (t) => {
  const service = await createAccount(t);
  const get = () => service.call('GET', preferencesUrl(OWNER), { as: 'owner' });
  const before = await get();
  t.match(before, {
    status: 200,
    body: {
      data: {
        channels: { email: { threshold: true } },
        quiet_hours: null,
        slack_url: null,
        updated_at: null,
      },
    },
  });
  const { channels } = before.body.data;
  const body = {
    channels: { ...channels, email: { ...channels.email, trial: false } },
    quiet_hours: { from: '22:00', until: '07:00', time_zone: 'Europe/Berlin' },
    slack_url: 'https://hooks.slack.com/services/T/B/secret',
  };
  const put = (body: object, as: 'owner' | 'member' | 'admin' | 'otherOwner' = 'owner') =>
    service.call('PUT', preferencesUrl(OWNER), { as, body });
  t.equal((await put(body)).status, 200);
  const { slack_url: _, ...withoutAddress } = body;
  await put(withoutAddress);
  const { updated_at: updatedAt, ...preferences } = (await get()).body.data;
  t.strictSame(preferences, { ...body, slack_url: 'https://hooks.slack.com/…' });
  t.match(updatedAt, /^\d{4}-/);
  await put({ ...body, slack_url: null });
  t.match((await get()).body.data, { slack_url: null });

  const invalid = [
    { ...body, slack_url: 'http://hooks.slack.com/x' },
    { ...body, quiet_hours: { ...body.quiet_hours, time_zone: 'Mars/Olympus' } },
    { ...body, quiet_hours: { ...body.quiet_hours, from: '24:00' } },
    { ...body, sms: true },
    { channels: {}, quiet_hours: null },
  ];
  for (const body of invalid) t.equal((await put(body)).status, 400);
  for (const as of ['member', 'admin', 'otherOwner'] as const) t.equal((await put(body, as)).status, 404, as);
  t.equal((await service.call('PUT', preferencesUrl(OWNER), { body })).status, 401);
});
