import t from 'tap';
import { NO_ID } from '#libs/db/schema/ledger.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import type { CallFacts } from '#libs/ledger/types.ts';
import { checkEmitted, checkEventDocumented } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, addMembers, createTestService, MEMBER, OWNER, type TestService } from '../fixtures.ts';
import { saveSettings } from './store.ts';

const SLACK = 'https://hooks.slack.com/services/T/B/secret';
const ALL = { threshold: true, anomaly: true, payment: true, trial: true, webhook: true, autopilot: true };

async function spend(
  { ledger, runtime }: TestService,
  accountId: string,
  cost: bigint,
  facts: Partial<CallFacts> = {},
) {
  const id = runtime.newId();
  await ledger.hold(testHold(accountId, id, { cost }));
  await ledger.settle(testSettle(accountId, id, { cost }, { facts }));
}

const openCost = ({ ledger, runtime }: TestService, accountId: string, n?: bigint) =>
  ledger.setLimits({
    accountId,
    anchor: runtime.clock.now(),
    periodMonths: 1,
    segments: [testSegment({ meter: 'cost', window: 'total', ...(n !== undefined && { n }) })],
  });

t.test('given a threshold that is crossed, then it is delivered as each user prefers', async (t) => {
  const service = await createTestService(t);
  const { pool, database, runtime, sent, answer } = service;
  await addMembers(pool, ACCOUNT, [OWNER, MEMBER]);
  await pool.query(`UPDATE memberships SET role = 'owner' WHERE user_id = $1`, [OWNER]);
  const quietHours = { from: '11:00', until: '13:00', time_zone: 'UTC' };
  const settings = { channels: { email: ALL, slack: ALL }, quietHours, slackUrl: SLACK, updatedAt: null };
  await saveSettings(database, { accountId: ACCOUNT, userId: OWNER }, settings, runtime.clock.now());
  await openCost(service, ACCOUNT, 100n);
  await spend(service, ACCOUNT, 85n);
  const { rows: jobs } = await pool.query(`SELECT task_identifier, payload FROM graphile_worker.jobs
    JOIN graphile_worker._private_jobs USING (id)`);
  const [eventId] = jobs[0].payload.eventIds;
  const { rows: events } = await pool.query('SELECT type, payload FROM outbox_events');
  checkEmitted(events, ['usage.threshold']);
  t.strictSame(jobs, [{ task_identifier: 'fan-out-events', payload: { eventIds: [eventId] } }]);
  for (let run = 0; run < 2; run += 1) await service.runTask('fan-out-events', { eventIds: [eventId] });

  const { rows: deliveries } = await pool.query(
    `SELECT d.id, d.channel, d.target, j.task_identifier AS task, j.run_at FROM outbox_deliveries d
       JOIN graphile_worker._private_jobs p
         ON p.payload->>'deliveryId' = d.id::text OR (p.payload->>'channel', p.payload->>'target') = (d.channel, d.target)
       JOIN graphile_worker.jobs j ON j.id = p.id WHERE event_id = $1 ORDER BY d.channel`,
    [eventId],
  );
  const atOne = new Date('2026-11-20T13:00:00Z');
  t.match(deliveries, [
    { channel: 'email', target: OWNER, task: 'deliver-mail', run_at: atOne },
    { channel: 'slack', target: OWNER, task: 'deliver-to-receiver', run_at: atOne },
  ]);
  t.equal(deliveries.length, 2, 'once, however often the event is fanned out');
  const logged = service.lines.filter(({ msg, event }) => msg === 'event delivered' && event === eventId);
  t.match(logged, [{ type: 'usage.threshold', account: ACCOUNT }]);
  t.equal(logged.length, 1);
  const scraped = await service.metrics.registry.metrics();
  t.match(scraped, 'inkmeter_outbox_pending_deliveries{channel="email",service="usage-metering"} 1');
  t.match(scraped, /inkmeter_outbox_lag_seconds\{channel="slack",[^}]*\} \d/);

  const deliver = () =>
    service.runTask('deliver-to-receiver', { channel: 'slack', target: OWNER, accountId: ACCOUNT });
  await deliver();
  t.equal(sent.length, 0, 'not in quiet hours');
  runtime.clock.set(atOne);
  answer.status = 429;
  answer.headers = { 'retry-after': '60' };
  await deliver();
  runtime.clock.advance(59_999);
  await deliver();
  t.equal(sent.length, 1, 'not before the pause ends that Slack asks for');
  runtime.clock.advance(1);
  answer.status = 200;
  await deliver();
  await deliver();
  t.equal(sent.length, 2, 'repeated until it is accepted, then never again');
  t.match(sent[1], { url: SLACK, method: 'POST', maxBytes: 4_096 });
  t.match(JSON.parse(String(sent[1]?.body)), {
    text: ':information_source: *API Usage Notice - Cost*\nYou have used $0.00 of $0.00',
  });
});

t.test('given many accounts that cross at once, while a worker is stopped', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime, ledger } = service;
  const accounts = Array.from({ length: 300 }, () => runtime.newId());
  await Promise.all(accounts.map((account) => openCost(service, account, 1_000n)));
  await Promise.all(
    accounts.map(async (account) => {
      const id = runtime.newId();
      await ledger.hold(testHold(account, id, { cost: 850n }));
      await ledger.settle(testSettle(account, id, { cost: 850n }));
    }),
  );
  const first = service.startWorker();
  await until(async () => (await delivered()) > 20);
  await first.jobs.stop();
  service.startWorker();
  await until(async () => (await delivered()) === accounts.length);
  const { rows } = await pool.query(
    `SELECT count(DISTINCT account_id)::integer AS accounts, count(*)::integer AS alerts FROM alerts`,
  );
  t.strictSame(rows, [{ accounts: 300, alerts: 300 }]);

  async function delivered(): Promise<number> {
    const { rows } = await pool.query(`SELECT FROM outbox_deliveries WHERE status = 'delivered'`);
    return rows.length;
  }
});

t.test('given an hour of unusual cost, then its account and the operators are alerted once', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime } = service;
  await openCost(service, ACCOUNT);
  const hours = Array.from({ length: 24 }, (_, index) => index + 2);
  for (const account of [ACCOUNT, NO_ID])
    await pool.query(
      `INSERT INTO hourly_costs SELECT $1, $2::timestamptz - make_interval(hours => h), 20000000, 4 FROM unnest($3::int[]) h`,
      [account, '2026-11-20T13:00:00Z', hours],
    );
  await spend(service, ACCOUNT, 900_000_000n);
  await service.runTask('detect-cost-anomalies');
  const find = () =>
    pool
      .query(`SELECT account_id, kind, data FROM alerts ORDER BY account_id NULLS LAST`)
      .then(({ rows }) => rows);
  t.strictSame(await find(), [], 'the hour has not ended');
  runtime.clock.advance(3_600_000);
  for (let run = 0; run < 2; run += 1) await service.runTask('detect-cost-anomalies');
  const data = {
    hour: '2026-11-20T12:00:00.000Z',
    cost_nano_usd: '900000000',
    median_nano_usd: '20000000',
    calls: 1,
  };
  const found = await find();
  t.match(found, [
    { account_id: ACCOUNT, kind: 'anomaly', data },
    { account_id: null, kind: 'anomaly', data },
  ]);
  t.equal(found.length, 2);
  for (const { data: stored } of found) checkEventDocumented('usage.anomaly', stored);
});

t.test('given a provider that fails, then operators are alerted once an hour', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime } = service;
  await openCost(service, ACCOUNT);
  for (let call = 0; call < 20; call += 1) {
    const isError = call % 2 === 0;
    const facts = isError ? ({ status: 'error', errorCode: 'provider_error' } as const) : {};
    await spend(service, ACCOUNT, 1n, facts);
    await spend(service, ACCOUNT, 1n, { provider: 'gemini', status: 'error', errorCode: 'provider_refused' });
  }
  const watch = async () => {
    await service.runTask('watch-providers');
    const { rows } = await pool.query(`SELECT data, severity FROM alerts ORDER BY id`);
    return rows;
  };
  const data = { provider: 'openai', calls: 20, errors: 10, minutes: 15 };
  t.strictSame(await watch(), [{ data, severity: 'critical' }], 'refusals of the caller do not count');
  t.equal((await watch()).length, 1);
  runtime.clock.advance(16 * 60_000);
  t.equal((await watch()).length, 1, 'the calls are old');
});

t.test('given a job without attempts left, then operators are alerted', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime } = service;
  runtime.clock.set(new Date());
  await pool.query(`SELECT graphile_worker.add_job('renew-subscriptions', '{}', max_attempts => 1)`);
  await pool.query(
    `UPDATE graphile_worker._private_jobs SET attempts = 1, last_error = 'no route, with Bearer abc.def'`,
  );
  for (let run = 0; run < 2; run += 1) await service.runTask('watch-failed-jobs');
  const { rows } = await pool.query(`SELECT type, data FROM alerts`);
  t.strictSame(rows, [
    {
      type: 'system.error',
      data: { task: 'renew-subscriptions', count: 1, last_error: 'no route, with Bearer [redacted]' },
    },
  ]);
});
