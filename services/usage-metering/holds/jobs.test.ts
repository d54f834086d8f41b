import { randomUUID } from 'node:crypto';
import t from 'tap';
import { transaction } from '#libs/db/database.ts';
import { until } from '#libs/jobs/fixtures.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { emit } from '#libs/outbox/emit.ts';
import { ACCOUNT, createBalances, createTestService, type TestService } from '../fixtures.ts';

const held = async ({ pool }: TestService) =>
  (await pool.query(`SELECT held FROM ledger_counters WHERE meter = 'cost'`)).rows[0].held;

const expired = async ({ metrics }: TestService) =>
  (await metrics.registry.getSingleMetric('inkmeter_holds_expired_total')?.get())?.values[0]?.value;

t.test('given holds whose process is gone', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, lines, runTask } = service;
  await createBalances(ledger, ACCOUNT, runtime.clock.now());
  const ids = Array.from({ length: 8 }, () => runtime.newId());
  for (const id of ids) await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }));
  const [first = ''] = ids;
  await ledger.settle(testSettle(ACCOUNT, first, { cost: 4n }, { close: false }));
  const young = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, young, { cost: 7n }, { ttlMs: 600_000 }));
  t.equal(await held(service), 83n);

  await t.test('when they have not expired, then nothing happens', async (t) => {
    runtime.clock.advance(59_999);
    await runTask('expire-holds');
    t.equal(await held(service), 83n);
    t.equal(await expired(service), 0);
  });

  await t.test('when they have expired, then concurrent runs release and log each once', async (t) => {
    runtime.clock.advance(1);
    await Promise.all([runTask('expire-holds'), runTask('expire-holds')]);
    // A run that found only holds which the other had just released leaves the rest to the next run.
    await runTask('expire-holds');
    t.equal(await held(service), 7n, 'the hold that has not expired stays');
    t.equal(await expired(service), 8);
    const logged = lines.filter(({ msg }) => msg === 'hold expired');
    t.same(logged.map(({ hold }) => hold).sort(), ids.toSorted());
    t.match(
      logged.find(({ hold }) => hold === first),
      { level: 'warn', account: ACCOUNT, settled_calls: 1, released: { cost: '6' } },
    );
  });
});

t.test('given a worker with the rights of the service', async (t) => {
  const { pool, database, startWorker } = await createTestService(t);
  const ledger = createLedger({ pool });
  await createBalances(ledger, ACCOUNT, new Date());
  const id = randomUUID();
  await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }, { ttlMs: 1 }));
  const worker = startWorker();

  await t.test('then holds expire', async () => {
    const stateOf = async () =>
      (await pool.query('SELECT state FROM ledger_holds WHERE id = $1', [id])).rows[0].state;
    await until(async () => (await stateOf()) === 'expired');
  });

  await t.test('then events are delivered', async (t) => {
    const event = { id: randomUUID(), accountId: ACCOUNT, payload: {}, createdAt: new Date() };
    await transaction(database, (tx) => emit(tx, { ...event, type: 'trial.ending' }, randomUUID));
    const statusOf = async () => (await pool.query('SELECT status FROM outbox_deliveries')).rows[0].status;
    await until(async () => (await statusOf()) === 'delivered');
    t.ok(worker.lines.some(({ msg }) => msg === 'event delivered'));
  });

  await t.test('then no task fails', async (t) => {
    const { rows } = await pool.query(
      'SELECT task_identifier FROM graphile_worker.jobs WHERE last_error IS NOT NULL',
    );
    t.strictSame(rows, []);
    t.strictSame(
      worker.lines.filter(({ msg }) => msg === 'job failed'),
      [],
    );
  });
});
