import t from 'tap';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createLogger } from '#libs/service/logger.ts';
import { createMetrics } from '#libs/service/metrics.ts';
import { buildJobs } from '../app.ts';
import { ACCOUNT, createTestService, openBooks, type TestService } from '../fixtures.ts';

function createJobs({ pool, runtime, lines }: TestService) {
  const { now } = runtime.clock;
  const metrics = createMetrics({ service: 'usage-metering', processMetrics: false });
  const logger = createLogger({
    name: 'test',
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const [sweeper, partitions] = buildJobs({
    runtime,
    logger,
    metrics,
    pool,
    ledger: createLedger({ pool, now }),
    sweepIntervalMs: 3_600_000,
    sweepBatch: 3,
    partitionIntervalMs: 3_600_000,
  });
  if (sweeper === undefined || partitions === undefined) throw new Error('a job is missing');
  const expired = async () => {
    const metric = await metrics.registry.getSingleMetric('inkmeter_holds_expired_total')?.get();
    return metric?.values[0]?.value;
  };
  return { sweeper, partitions, expired };
}

const held = async ({ pool }: TestService) =>
  (await pool.query(`SELECT held FROM ledger_counters WHERE meter = 'cost'`)).rows[0].held;

t.test('given holds whose process is gone', async (t) => {
  const service = await createTestService(t);
  const { ledger, runtime, lines } = service;
  await openBooks(ledger, ACCOUNT, runtime.clock.now());
  const ids = Array.from({ length: 8 }, () => runtime.newId());
  for (const id of ids) await ledger.hold(testHold(ACCOUNT, id, { cost: 10n }));
  const [first = ''] = ids;
  await ledger.settle(testSettle(ACCOUNT, first, { cost: 4n }, { close: false }));
  const young = runtime.newId();
  await ledger.hold(testHold(ACCOUNT, young, { cost: 7n }, { ttlMs: 600_000 }));
  t.equal(await held(service), 83n);

  await t.test('when they have not expired, then nothing happens', async (t) => {
    const { sweeper, expired } = createJobs(service);
    runtime.clock.advance(59_999);
    await sweeper.runOnce();
    t.equal(await held(service), 83n);
    t.equal(await expired(), 0);
  });

  await t.test('when they have, then two replicas release each once, in batches, and say so', async (t) => {
    const [one, two] = [createJobs(service), createJobs(service)];
    runtime.clock.advance(1);
    await Promise.all([one.sweeper.runOnce(), two.sweeper.runOnce()]);
    // A replica that found only holds which the other had just released comes back at its time.
    await one.sweeper.runOnce();
    t.equal(await held(service), 7n, 'what has not expired stays held');
    t.equal(((await one.expired()) ?? 0) + ((await two.expired()) ?? 0), 8);
    const said = lines.filter(({ msg }) => msg === 'hold expired');
    t.same(said.map(({ hold }) => hold).sort(), ids.toSorted());
    t.match(
      said.find(({ hold }) => hold === first),
      { level: 'warn', account: ACCOUNT, settled_calls: 1, released: { cost: '6' } },
    );
  });
});

t.test('given months to come', async (t) => {
  const service = await createTestService(t);
  const { pool, runtime } = service;
  const count = async () =>
    Number(
      (await pool.query(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_events'::regclass`))
        .rows[0].count,
    );
  const before = await count();
  runtime.clock.set('2027-12-15T00:00:00.000Z');
  const jobs = [createJobs(service), createJobs(service)];
  await Promise.all(jobs.map(({ partitions }) => partitions.runOnce()));
  t.equal(await count(), before + 4, 'the month and three more, made once');
  await jobs[0]?.partitions.runOnce();
  t.equal(await count(), before + 4);
  const { rows } = await pool.query(
    `SELECT DISTINCT a.attstattarget AS target FROM pg_inherits i JOIN pg_attribute a ON a.attrelid = i.inhrelid
      WHERE i.inhparent = 'usage_events'::regclass AND a.attnum > 0`,
  );
  t.strictSame(rows, [{ target: 10 }], 'old and new are sampled sparingly');
});

t.test('given jobs that run by themselves, they start at once and stop in good order', async (t) => {
  const service = await createTestService(t);
  const { sweeper, partitions } = createJobs(service);
  sweeper.start();
  partitions.start();
  await Promise.all([sweeper.stop(), partitions.stop()]);
  t.notOk(service.lines.some(({ level }) => level === 'error'));
});
