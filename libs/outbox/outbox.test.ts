import pg from 'pg';
import t from 'tap';
import type { ServiceName } from '#libs/contracts/internal-context.ts';
import { createDatabase, type Database, transaction } from '#libs/db/database.ts';
import { serviceRoles } from '#libs/db/roles.ts';
import { createTestJobs, until } from '#libs/jobs/fixtures.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createTestDatabase, type TestScope } from '#libs/testing/database.ts';
import { createFakeRuntime } from '#libs/testing/runtime.ts';
import { CHANNELS, type Channel, MAX_DELIVERY_ATTEMPTS, RefusedDeliveryError } from './deliveries.ts';
import { emit, type OutboxEvent } from './emit.ts';
import { outboxTasks } from './tasks.ts';

const SERVICES = Object.keys(serviceRoles) as ServiceName[];
const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const DENIED = { code: '42501' };

async function createOutbox(t: TestScope) {
  const { pool, url, serviceUrl } = await createTestDatabase(t);
  const { clock, newId } = createFakeRuntime();
  const database = createDatabase(pool);
  const eventOf = (): OutboxEvent => ({
    id: newId(),
    type: 'trial.ending',
    accountId: ACCOUNT,
    payload: { plan: 'pro' },
    createdAt: clock.now(),
  });
  return {
    pool,
    url,
    serviceUrl,
    clock,
    newId,
    database,
    eventOf,
    emitOne: async (db: Database = database) => {
      const event = eventOf();
      await transaction(db, (tx) => emit(tx, event, newId));
      return event;
    },
    tasksWith: (log: Channel) => outboxTasks({ database, clock, channels: { log } }),
    deliveries: async () => (await pool.query('SELECT * FROM outbox_deliveries ORDER BY id')).rows,
    /** Deliveries; the other job of an event, `fan-out-event`, belongs to usage-metering. */
    jobs: async () =>
      (await pool.query(`SELECT * FROM graphile_worker.jobs WHERE task_identifier = 'deliver-event'`)).rows,
    /** The queue waits before it repeats a run. */
    repeatNow: () =>
      pool.query('SELECT graphile_worker.reschedule_jobs(ARRAY(SELECT id FROM graphile_worker.jobs), now())'),
  };
}

t.test('given the role of each service', async (t) => {
  const { serviceUrl, emitOne, deliveries } = await createOutbox(t);
  for (const service of SERVICES) {
    const pool = new pg.Pool({ connectionString: serviceUrl(service), max: 1 });
    t.teardown(() => pool.end());
    await t.resolves(emitOne(createDatabase(pool)), `${service} emits`);
    const read = pool.query('SELECT FROM outbox_events');
    // The gateway delivers mails.
    if (service === 'usage-metering' || service === 'gateway') await t.resolves(read);
    else await t.rejects(read, DENIED, `${service} does not read`);
  }
  t.equal((await deliveries()).length, SERVICES.length);
});

t.test('given an event', async (t) => {
  const { url, emitOne, eventOf, newId, database, pool, deliveries, jobs, clock } = await createOutbox(t);

  await t.test('when its transaction fails, then nothing is written', async (t) => {
    const failed = transaction(database, async (tx) => {
      await emit(tx, eventOf(), newId);
      throw new Error('the action failed');
    });
    await t.rejects(failed, { message: 'the action failed' });
    t.equal((await pool.query('SELECT FROM outbox_events')).rowCount, 0);
    t.strictSame(await deliveries(), []);
    t.strictSame(await jobs(), []);
  });

  await t.test('when it commits, then each of its channels gets it', async (t) => {
    const event = await emitOne();
    const worker = createTestJobs(t, url, outboxTasks({ database, clock, channels: CHANNELS }));
    worker.jobs.start();
    await until(async () => (await jobs()).length === 0);
    const [delivery] = await deliveries();
    t.match(delivery, { event_id: event.id, channel: 'log', status: 'delivered', attempts: 1 });
    t.strictSame(delivery.delivered_at, clock.now());
    const line = worker.lines.find(({ msg }) => msg === 'event delivered');
    t.match(line, { event: event.id, delivery: delivery.id, type: 'trial.ending', account: ACCOUNT });
    t.notMatch(JSON.stringify(line), 'pro', 'the log has no payload');
  });

  await t.test('when it is a month old and delivered, then it is deleted', async (t) => {
    clock.advance(31 * 24 * 60 * 60 * 1000);
    const young = await emitOne();
    const [, cleaner] = outboxTasks({ database, clock, channels: CHANNELS });
    const logger = createLogger({ name: 'test', level: 'silent' });
    await cleaner?.run({}, { signal: new AbortController().signal, logger });
    const { rows } = await pool.query('SELECT id FROM outbox_events');
    t.strictSame(rows, [{ id: young.id }]);
  });
});

t.test('given a worker that ends between a delivery and its mark', async (t) => {
  const { url, emitOne, tasksWith, deliveries, jobs, pool } = await createOutbox(t);
  const delivered: string[] = [];
  const [deliver] = tasksWith(async (_, { id }) => {
    delivered.push(id);
    if (delivered.length > 1) return;
    // As if the process died here: its claim and the delivery stay as they are.
    await pool.query(
      `UPDATE graphile_worker._private_jobs SET locked_by = 'pool-dead', locked_at = now() - interval '1 minute'`,
    );
    await new Promise(() => {});
  });
  if (deliver === undefined) throw new Error('no task');
  const first = createTestJobs(t, url, [deliver], { stopMs: 100 });
  first.jobs.start();
  await emitOne();
  await until(async () => (await jobs()).some(({ locked_by: worker }) => worker === 'pool-dead'));
  await first.jobs.stop();
  t.match(await deliveries(), [{ status: 'pending', attempts: 1 }]);

  const second = createTestJobs(t, url, [deliver]);
  second.jobs.start();
  await until(async () => (await jobs()).length === 0);
  const [{ id, status, attempts }] = await deliveries();
  t.strictSame(delivered, [id, id], 'delivered again with the same id');
  t.strictSame([status, attempts], ['delivered', 2]);
});

t.test('given a channel that asks for a pause', async (t) => {
  const { emitOne, tasksWith, deliveries, jobs, clock } = await createOutbox(t);
  const [task] = tasksWith(async () => {
    throw new RefusedDeliveryError('busy', 90_000);
  });
  if (task === undefined) throw new Error('no task');
  await emitOne();
  const [{ id: deliveryId }] = await deliveries();
  const logger = createLogger({ name: 'test', level: 'silent' });
  await task.run({ deliveryId, accountId: ACCOUNT }, { signal: new AbortController().signal, logger });
  const at = new Date(clock.now().getTime() + 90_000);
  t.match(await deliveries(), [{ status: 'pending', attempts: 1, next_attempt_at: at }]);
  const [, again] = await jobs();
  t.match(again, { run_at: at, max_attempts: MAX_DELIVERY_ATTEMPTS - 1 }, 'not one attempt more');
});

t.test('given a channel that fails', async (t) => {
  const { url, emitOne, tasksWith, deliveries, jobs, repeatNow, pool } = await createOutbox(t);
  let works = false;
  const tasks = tasksWith(async () => {
    if (!works) throw new Error('unreachable, with Bearer abc.def');
  });
  const worker = createTestJobs(t, url, tasks);
  worker.jobs.start();
  await emitOne();
  for (let attempt = 1; attempt <= MAX_DELIVERY_ATTEMPTS; attempt++) {
    await until(async () => {
      const [job] = await jobs();
      return job?.attempts === attempt && job.locked_at === null;
    });
    t.match(await deliveries(), [
      {
        attempts: attempt,
        status: attempt === MAX_DELIVERY_ATTEMPTS ? 'dead' : 'pending',
        last_error: 'unreachable, with Bearer [redacted]',
      },
    ]);
    await repeatNow();
  }
  t.match(await jobs(), [{ attempts: MAX_DELIVERY_ATTEMPTS }], 'the failed job stays for staff');

  works = true;
  await pool.query(
    'SELECT graphile_worker.reschedule_jobs(ARRAY(SELECT id FROM graphile_worker.jobs), now(), attempts => 0)',
  );
  await until(async () => (await jobs()).length === 0);
  t.match(await deliveries(), [{ status: 'delivered', last_error: null }], 'a retry by staff delivers it');
});
