import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import t from 'tap';
import { WEBHOOK_EVENT_TYPES } from '#libs/contracts/webhook-events.ts';
import type { WebhookDeliveryDetailsWire, WebhookDeliveryWire } from '#libs/contracts/webhooks.ts';
import { transaction } from '#libs/db/database.ts';
import { createPublicHttp, type PublicHttpRequest } from '#libs/http/public-http.ts';
import { emit } from '#libs/outbox/emit.ts';
import { EVENT_ROUTES, type EventType } from '#libs/outbox/routes.ts';
import { checkEmitted, checkEventDocumented } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, addMembers, createTestService, OTHER_ACCOUNT, OWNER } from '../fixtures.ts';

const PATH = '/api/webhook-endpoints';
const HOUR_MS = 3_600_000;
type Created = { id: string; secret: string };

async function createWebhooks(
  t: Parameters<typeof createTestService>[0],
  http?: Parameters<typeof createTestService>[1],
) {
  const service = await createTestService(t, http);
  const { database, runtime, call, pool } = service;
  // Signatures are checked against the time of the machine.
  runtime.clock.set(new Date());
  const run = async (name: string) => {
    const { rows } = await pool.query(
      `SELECT p.id, p.payload, j.run_at FROM graphile_worker._private_jobs p JOIN graphile_worker.jobs j USING (id)
        WHERE j.task_identifier = $1 AND j.run_at <= greatest($2, now()) ORDER BY p.id`,
      // Jobs for later are combined by the second.
      [name, new Date(runtime.clock.now().getTime() + 1_000)],
    );
    await pool.query('DELETE FROM graphile_worker._private_jobs WHERE id = ANY($1)', [
      rows.map(({ id }) => id),
    ]);
    for (const { payload } of rows) await service.runTask(name, payload);
    return rows as { run_at: Date }[];
  };
  return {
    ...service,
    create: async (body: object = {}) =>
      (await call<Created>('POST', PATH, { as: 'owner', body: { url: 'https://a.example/hook', ...body } }))
        .body,
    /** Emits an event and fans it out. */
    async happen(type: EventType, payload: object = { n: 1 }, accountId = ACCOUNT) {
      const id = runtime.newId();
      const event = { id, type, accountId, payload: { ...payload }, createdAt: runtime.clock.now() };
      await transaction(database, (tx) => emit(tx, event, runtime.newId));
      await run('fan-out-event');
      return id;
    },
    /** Runs what is enqueued. @returns the jobs. */
    deliver: () => run('deliver-to-receiver'),
    deliveries: async (id: string, query = '') =>
      (
        await call<{ data: WebhookDeliveryWire[] }>('GET', `${PATH}/${id}/deliveries${query}`, {
          as: 'owner',
        })
      ).body.data,
    details: async (id: string, delivery: string) =>
      (await call<WebhookDeliveryDetailsWire>('GET', `${PATH}/${id}/deliveries/${delivery}`, { as: 'owner' }))
        .body,
  };
}

const verify = (secret: string, { body, headers }: PublicHttpRequest) =>
  new Webhook(secret).verify(String(body), headers as Record<string, string>);

t.test('every event of the contract exists, and every event of an account is in it or of operators', (t) => {
  const operators = ['dispute.opened', 'mail.requested', 'provider.failing', 'system.error', 'usage.overrun'];
  t.strictSame([...WEBHOOK_EVENT_TYPES, ...operators].sort(), Object.keys(EVENT_ROUTES).sort());
  t.end();
});

t.test('given endpoints with types, then each receives its events, signed', async (t) => {
  const { create, happen, deliver, deliveries, details, sent, answer, call, runtime, pool, runTask } =
    await createWebhooks(t);
  const all = await create();
  const some = await create({ url: 'https://b.example/hook', event_types: ['trial.ending'] });
  const eventId = await happen('generation.completed', { generation_id: 'g', parts: { blog: 'completed' } });
  await happen('usage.overrun');
  await happen('payment.failed', {}, OTHER_ACCOUNT);
  // Half of the emoji would be logged.
  answer.body = `ok\0${'x'.repeat(2_045)}🖋${'x'.repeat(10_000)}`;
  await deliver();
  t.equal(sent.length, 1);
  const [request] = sent as [PublicHttpRequest];
  t.match(request, { url: 'https://a.example/hook', method: 'POST', maxBytes: 65_536, timeoutMs: 10_000 });
  t.notOk(request.maxRedirects, 'redirects are not followed');
  t.strictSame(verify(all.secret, request), {
    type: 'generation.completed',
    timestamp: runtime.clock.now().toISOString(),
    id: eventId,
    account_id: ACCOUNT,
    data: { generation_id: 'g', parts: { blog: 'completed' } },
  });
  t.throws(() => verify(some.secret, request), { message: 'No matching signature found' });
  const tampered = { ...request, body: String(request.body).replace('completed', 'failed') };
  t.throws(() => verify(all.secret, tampered));

  const [delivery] = await deliveries(all.id);
  t.match(delivery, { event_id: eventId, status: 'delivered', attempts: 1, last_error: null });
  t.equal(request.headers?.['webhook-id'], delivery?.id);
  const { log, message } = await details(all.id, delivery?.id ?? '');
  t.match(log, [{ response_status: 200, error: null }]);
  t.equal(log[0]?.response_body, `ok${'x'.repeat(2_045)}\ufffd`);
  t.strictSame(message, JSON.parse(String(request.body)));

  await t.test('then its secret is stored encrypted, also when the key changes', async (t) => {
    const stored = async () =>
      (await pool.query('SELECT secret FROM webhook_endpoints WHERE id = $1', [all.id])).rows[0].secret;
    const sealed = await stored();
    t.match(sealed, /^sealed:[0-9a-f]{8}:[\w-]+$/);
    // As an earlier version stored it.
    await pool.query('UPDATE webhook_endpoints SET secret = $2 WHERE id = $1', [all.id, all.secret]);
    await happen('subscription.changed');
    await deliver();
    t.ok(verify(all.secret, sent.pop() as PublicHttpRequest));
    await runTask('encrypt-webhook-secrets');
    const again = await stored();
    t.equal(again.slice(0, 16), sealed.slice(0, 16));
    await runTask('encrypt-webhook-secrets');
    t.equal(await stored(), again, 'once');
  });

  await t.test('when a secret is rotated, then both sign until the overlap ends', async (t) => {
    const rotated = await call<Created>('POST', `${PATH}/${all.id}/rotate-secret`, {
      as: 'owner',
      body: { overlap_seconds: 60 },
    });
    await happen('subscription.changed');
    await deliver();
    const both = sent[1] as PublicHttpRequest;
    t.ok(verify(all.secret, both));
    t.ok(verify(rotated.body.secret, both));
    runtime.clock.advance(60_000);
    await happen('subscription.changed');
    await deliver();
    const one = sent[2] as PublicHttpRequest;
    t.throws(() => verify(all.secret, one));
    t.ok(verify(rotated.body.secret, one));
  });

  await t.test('when a test is requested, then only that endpoint receives it', async (t) => {
    const requested = await call<WebhookDeliveryWire>('POST', `${PATH}/${some.id}/test`, { as: 'owner' });
    t.match(requested, { status: 202, body: { event_type: 'webhook.test', status: 'pending', attempts: 0 } });
    const before = sent.length;
    await deliver();
    t.equal(sent.length, before + 1);
    t.match(verify(some.secret, sent.at(-1) as PublicHttpRequest), {
      type: 'webhook.test',
      data: { endpoint_id: some.id },
    });
    const { rows } = await pool.query(`SELECT type, payload FROM outbox_events WHERE type = 'webhook.test'`);
    checkEmitted(rows, ['webhook.test']);
    t.match(await deliveries(some.id, '?event_type=webhook.test&status=delivered'), [
      { id: requested.body.id },
    ]);
    t.strictSame(await deliveries(some.id, '?status=dead'), []);
  });
});

t.test(
  'given a receiver that fails, then a day of attempts and a dead letter, which can be replayed',
  async (t) => {
    const { create, happen, deliver, deliveries, details, sent, answer, call, runtime, pool } =
      await createWebhooks(t);
    const { id } = await create();
    answer.status = 503;
    await happen('trial.ending');
    const pauses = [5, 30, 300, 1_800, 7_200, 14_400, 28_800, 32_400];
    const startedAt = runtime.clock.now();
    for (const [index, pause] of pauses.entries()) {
      await deliver();
      const [delivery] = await deliveries(id);
      t.match(delivery, { status: 'pending', attempts: index + 1, last_error: 'The receiver answered 503.' });
      const seconds = (Date.parse(delivery?.next_attempt_at ?? '') - runtime.clock.now().getTime()) / 1_000;
      t.ok(seconds >= pause * 0.8 && seconds <= pause * 1.2, `${seconds} s is about ${pause} s`);
      runtime.clock.set(new Date(delivery?.next_attempt_at ?? ''));
    }
    await deliver();
    const [dead] = (await deliveries(id, '?status=dead')) as [WebhookDeliveryWire];
    t.match(dead, { attempts: 9, next_attempt_at: null });
    const hours = (runtime.clock.now().getTime() - startedAt.getTime()) / HOUR_MS;
    t.ok(hours > 19 && hours < 29, `${hours} hours`);
    t.equal(new Set(sent.map(({ headers }) => headers?.['webhook-id'])).size, 1, 'one id');
    t.equal(
      new Set(sent.map(({ headers }) => headers?.['webhook-timestamp'])).size,
      9,
      'each with its own time',
    );
    t.equal((await details(id, dead.id)).log.length, 9);
    const { rows } = await pool.query(
      `SELECT FROM graphile_worker.jobs WHERE task_identifier = 'deliver-to-receiver'`,
    );
    t.equal(rows.length, 0, 'it is no failed job of the operators');
    t.match((await call('GET', `${PATH}/${id}`, { as: 'owner' })).body, {
      failing_since: startedAt.toISOString(),
    });

    answer.status = 200;
    const replay = (delivery: string) =>
      call('POST', `${PATH}/${id}/deliveries/${delivery}/replay`, { as: 'owner' });
    t.match(await replay(dead.id), { status: 202, body: { id: dead.id, status: 'pending', attempts: 0 } });
    t.equal((await replay(runtime.newId())).status, 404);
    await deliver();
    t.match(await deliveries(id), [{ status: 'delivered', attempts: 1, last_error: null }]);
    t.match((await call('GET', `${PATH}/${id}`, { as: 'owner' })).body, { failing_since: null });

    await t.test('when the failed ones since a time are replayed, then no others are', async (t) => {
      await happen('trial.ending');
      runtime.clock.advance(HOUR_MS);
      const since = runtime.clock.now();
      const later = await happen('trial.ending');
      await pool.query(`UPDATE outbox_deliveries SET status = 'dead' WHERE status = 'pending'`);
      await pool.query('DELETE FROM graphile_worker._private_jobs');
      const body = { since: since.toISOString() };
      const answered = await call('POST', `${PATH}/${id}/replay`, { as: 'owner', body });
      t.strictSame([answered.status, answered.body], [202, { replayed: 1 }]);
      t.equal((await deliver()).length, 1);
      t.match(await deliveries(id, '?status=delivered&limit=1'), [{ event_id: later }]);
      t.equal((await deliveries(id, '?status=dead')).length, 1);
    });
  },
);

t.test('given an endpoint that fails for days, then it is disabled, with an alert and a mail', async (t) => {
  const { create, happen, deliver, deliveries, answer, call, runtime, pool, sent } = await createWebhooks(t);
  await addMembers(pool, ACCOUNT, [OWNER]);
  await pool.query(`UPDATE memberships SET role = 'owner'`);
  const { id } = await create();
  answer.status = 500;
  await happen('trial.ending');
  await deliver();
  const failingSince = runtime.clock.now().toISOString();
  runtime.clock.advance(5 * 24 * HOUR_MS - 1);
  await happen('trial.ending');
  await deliver();
  t.match((await call('GET', `${PATH}/${id}`, { as: 'owner' })).body, { status: 'enabled' });
  runtime.clock.advance(7_000);
  await deliver();
  t.match((await call('GET', `${PATH}/${id}`, { as: 'owner' })).body, {
    status: 'disabled',
    disabled_reason: 'failing',
    failing_since: failingSince,
  });
  const { rows: alerts } = await pool.query('SELECT kind, severity, data FROM alerts WHERE type = $1', [
    'webhook.disabled',
  ]);
  const data = {
    endpoint_id: id,
    url: 'https://a.example/hook',
    failing_since: failingSince,
    reason: 'failing',
  };
  t.strictSame(alerts, [{ kind: 'webhook', severity: 'error', data }], 'once');
  checkEventDocumented('webhook.disabled', data);
  await pool.query(`DELETE FROM graphile_worker._private_jobs p USING graphile_worker.jobs j
                     WHERE j.id = p.id AND j.task_identifier = 'deliver-mail'`);
  const { rows: events } = await pool.query(`SELECT id FROM outbox_events WHERE type = 'webhook.disabled'`);
  await happen('trial.ending');
  const { rows: mails } = await pool.query(
    `SELECT target FROM outbox_deliveries WHERE event_id = $1 AND channel = 'email'`,
    [events[0]?.id],
  );
  t.strictSame(mails, [{ target: OWNER }]);

  const before = sent.length;
  runtime.clock.advance(HOUR_MS);
  await deliver();
  t.equal(sent.length, before, 'it receives nothing more');
  t.equal((await deliveries(id, '?status=pending')).length, 0, 'what was planned is dead');

  await t.test('when a receiver answers 410, then its endpoint is disabled at once', async (t) => {
    const other = await create();
    answer.status = 410;
    await happen('payment.refunded');
    await deliver();
    t.match((await call('GET', `${PATH}/${other.id}`, { as: 'owner' })).body, {
      status: 'disabled',
      disabled_reason: 'gone',
    });
    t.match(await deliveries(other.id), [{ status: 'dead', attempts: 1 }]);
  });
});

t.test('given addresses inside, then no request reaches them', async (t) => {
  let reached = 0;
  const inside = createServer((_, response) => {
    reached += 1;
    response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
  });
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve));
  t.teardown(() => inside.close());
  const { port } = inside.address() as AddressInfo;
  let lookups = 0;
  const http = createPublicHttp({
    // Public when it is checked first, inside afterwards.
    resolve: (_, callback) => {
      lookups += 1;
      callback(null, [{ address: lookups === 1 ? '93.184.216.34' : '127.0.0.1', family: 4 }]);
    },
  });
  t.teardown(() => http.close());
  const { create, happen, deliver, deliveries, pool } = await createWebhooks(t, http);
  const { id } = await create();
  const hosts = ['127.0.0.1', '2130706433', '0x7f000001', '[::ffff:127.0.0.1]', 'rebound.example'];
  lookups = 1;
  for (const host of hosts) {
    // As stored before the address was found to be inside.
    await pool.query('UPDATE webhook_endpoints SET url = $2 WHERE id = $1', [id, `http://${host}:${port}/`]);
    await happen('trial.ending');
    await deliver();
    const [last] = await deliveries(id, '?limit=1');
    t.match(last, { status: 'pending', last_error: 'The URL is not on the public internet.' }, host);
    await pool.query('DELETE FROM graphile_worker._private_jobs');
  }
  t.equal(reached, 0);

  await t.test('when a receiver redirects, then that is its answer', async (t) => {
    const open = createPublicHttp({ isAllowed: () => true });
    t.teardown(() => open.close());
    const other = await createWebhooks(t, open);
    const endpoint = await other.create();
    await other.pool.query('UPDATE webhook_endpoints SET url = $1', [`http://127.0.0.1:${port}/`]);
    await other.happen('trial.ending');
    await other.deliver();
    t.match(await other.deliveries(endpoint.id), [{ last_error: 'The receiver answered 302.' }]);
    t.equal(reached, 1);
  });
});
