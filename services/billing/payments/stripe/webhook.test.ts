import t from 'tap';
import { signatureOf } from '#libs/simulators/stripe/webhooks.ts';
import { callerWith } from '../../customers.fixture.ts';
import { createTestService, type TestService } from '../../fixtures.ts';
import { createRateLimit } from './client.ts';
import { createStripe } from './connection.ts';
import { EVENT_TARGETS, planNotice } from './domain/event-types.ts';
import { readDelivery } from './webhook.ts';

const OLD = 'whsec_the_secret_before_the_rotation';
const NEW = 'whsec_the_secret_after_the_rotation';

/** The types of events that a subscription application has to know. */
const REQUIRED = [
  ...['completed', 'expired', 'async_payment_succeeded', 'async_payment_failed'].map(
    (one) => `checkout.session.${one}`,
  ),
  ...['created', 'updated', 'deleted', 'paused', 'resumed', 'trial_will_end', 'pending_update_applied'].map(
    (one) => `customer.subscription.${one}`,
  ),
  'customer.subscription.pending_update_expired',
  ...['updated', 'released', 'completed', 'canceled', 'aborted'].map((one) => `subscription_schedule.${one}`),
  ...['created', 'finalized', 'finalization_failed', 'paid', 'payment_failed', 'payment_action_required'].map(
    (one) => `invoice.${one}`,
  ),
  ...['upcoming', 'voided', 'marked_uncollectible'].map((one) => `invoice.${one}`),
  ...['refund.created', 'refund.updated', 'refund.failed', 'charge.refunded'],
  ...['charge.dispute.created', 'charge.dispute.closed', 'credit_note.created', 'credit_note.voided'],
  ...['customer.updated', 'customer.deleted'],
  ...['created', 'updated', 'deleted'].map((one) => `customer.discount.${one}`),
  ...['attached', 'detached', 'automatically_updated'].map((one) => `payment_method.${one}`),
  'entitlements.active_entitlement_summary.updated',
  'billing.meter.error_report_triggered',
  'test_helpers.test_clock.ready',
];

t.test('then every type of event is handled or listed as ignored', async (t) => {
  t.strictSame(Object.keys(EVENT_TARGETS).sort(), [...REQUIRED].sort());
});

const notice = {
  eventId: 'evt_1',
  type: 'invoice.paid',
  objectId: 'in_1',
  customerId: 'cus_1',
  subscriptionId: 'sub_1',
  apiVersion: null,
  livemode: false,
};

t.test('given events, then each leads to the object to read', async (t) => {
  const cases: [Partial<typeof notice>, object][] = [
    [{}, { kind: 'sync', target: 'invoice', objectId: 'in_1' }],
    [{ type: 'invoice.upcoming' }, { kind: 'sync', target: 'upcoming', objectId: 'sub_1' }],
    [{ type: 'customer.discount.created' }, { kind: 'sync', target: 'customer', objectId: 'cus_1' }],
    [{ type: 'payment_method.attached' }, { kind: 'done', outcome: 'ignored' }],
    [{ type: 'invoice.sung' }, { kind: 'done', outcome: 'unknown_type' }],
    [{ type: 'constructor' }, { kind: 'done', outcome: 'unknown_type' }],
    [{ livemode: true }, { kind: 'done', outcome: 'other_mode' }],
  ];
  for (const [change, plan] of cases)
    t.match(planNotice({ ...notice, ...change }, false), plan, JSON.stringify(change));
  t.strictSame(planNotice({ ...notice, objectId: null as never }, false), { kind: 'resolve' });
});

function snapshot(id = 'evt_1'): string {
  return JSON.stringify({
    id,
    object: 'event',
    api_version: '2026-10-28.endive',
    type: 'invoice.paid',
    livemode: false,
    created: 1,
    data: { object: { id: 'in_1', object: 'invoice', customer: 'cus_1' } },
  });
}

const thin = JSON.stringify({
  id: 'evt_2',
  object: 'v2.core.event',
  type: 'v1.invoice.paid',
  livemode: false,
  created: '2026-11-20T12:00:00.000Z',
  related_object: { id: 'in_1', type: 'invoice', url: '/v1/invoices/in_1' },
});

const NOW = new Date('2026-11-20T12:00:00.000Z');
const SECONDS = NOW.getTime() / 1000;

t.test('given deliveries, then only those that we can verify are read', async (t) => {
  const read = (body: string, signature: string, secrets = [NEW]) =>
    readDelivery({ body: Buffer.from(body), signature, secrets, now: NOW });
  const signed = (body: string, secret = NEW, at = SECONDS) => signatureOf(body, [secret], at);

  t.match(read(snapshot(), signed(snapshot())), { eventId: 'evt_1', type: 'invoice.paid', objectId: 'in_1' });
  t.match(read(thin, signed(thin)), {
    eventId: 'evt_2',
    type: 'invoice.paid',
    objectId: 'in_1',
    customerId: null,
  });
  t.match(read(snapshot(), signed(snapshot(), OLD), [NEW, OLD]), { eventId: 'evt_1' }, 'while it is rotated');
  t.match(read(snapshot(), signed(snapshot(), NEW, SECONDS - 299)), { eventId: 'evt_1' }, 'a slow delivery');

  const refused: [string, string, string][] = [
    ['no signature', snapshot(), ''],
    ['garbage', snapshot(), 't=1,v1=zz'],
    ['a wrong secret', snapshot(), signed(snapshot(), 'whsec_other')],
    ['the secret before the rotation', snapshot(), signed(snapshot(), OLD)],
    ['a changed body', snapshot('evt_9'), signed(snapshot())],
    ['an old delivery', snapshot(), signed(snapshot(), NEW, SECONDS - 301)],
    ['an unknown scheme', snapshot(), signed(snapshot()).replace('v1=', 'v0=')],
    ['no event', '{"id":"x"}', signed('{"id":"x"}')],
    ['no object', '[]', signed('[]')],
    ['no JSON', 'x', signed('x')],
  ];
  for (const [what, body, signature] of refused) {
    t.throws(() => read(body, signature), { code: 'invalid_request' }, what);
  }
});

async function createService(t: Parameters<typeof createTestService>[0]): Promise<TestService> {
  const { payments, ...connection } = createStripe({
    secretKey: 'sk_test_x',
    webhookSecrets: [NEW, OLD],
    host: 'http://127.0.0.1:9',
  });
  return createTestService(t, undefined, {
    payments,
    stripe: connection,
    requestDays: 30,
    apiUrl: 'https://api.example',
    returnOrigins: [],
  });
}

t.test('given the route', async (t) => {
  const { call, pool, runtime } = await createService(t);
  const post = (body: string, signature: string) =>
    call('POST', '/api/webhooks/stripe', {
      as: callerWith(),
      body,
      headers: { 'content-type': 'application/json', 'stripe-signature': signature },
    });
  const seconds = () => Math.floor(runtime.clock.now().getTime() / 1000);
  const inbox = async () => (await pool.query('SELECT event_id, object_id, outcome FROM stripe_inbox')).rows;
  const jobs = async () =>
    (await pool.query(`SELECT FROM graphile_worker.jobs WHERE task_identifier = 'process-stripe-events'`))
      .rowCount;

  await t.test('when one event is delivered ten times at once, then it is stored once', async (t) => {
    const signature = signatureOf(snapshot(), [NEW], seconds());
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(snapshot(), signature)));
    t.ok(answers.every(({ status }) => status === 200));
    t.strictSame(await inbox(), [{ event_id: 'evt_1', object_id: 'in_1', outcome: null }]);
    t.equal(await jobs(), 1);
  });

  await t.test('when another event concerns the same customer, then there is one job for both', async (t) => {
    const other = snapshot('evt_4');
    t.equal((await post(other, signatureOf(other, [OLD], seconds()))).status, 200);
    t.equal((await inbox()).length, 2);
    t.equal(await jobs(), 1);
  });

  await t.test(
    'when it is not signed, too large or no JSON, then it is refused and not stored',
    async (t) => {
      t.match(await post(snapshot('evt_3'), 'v1=x'), { status: 400, body: { code: 'invalid_request' } });
      const large = JSON.stringify({
        id: 'evt_3',
        object: 'event',
        type: 'x',
        padding: 'x'.repeat(2_000_000),
      });
      t.match(await post(large, signatureOf(large, [NEW], seconds())), { status: 413 });
      t.match(await post('{', signatureOf('{', [NEW], seconds())), {
        status: 400,
        body: { code: 'malformed_json' },
      });
      t.equal((await inbox()).length, 2);
    },
  );
});

t.test(
  'given a limit of requests, then a rush takes its time, and a request after a pause does not',
  async (t) => {
    const turn = createRateLimit(100);
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 100 }, turn));
    t.ok(performance.now() - startedAt < 1_000, 'a second is made up for');
    await Promise.all(Array.from({ length: 20 }, turn));
    t.ok(performance.now() - startedAt >= 190, '120 requests take at least the time of 20');
  },
);
