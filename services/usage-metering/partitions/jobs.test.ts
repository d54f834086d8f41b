import { randomUUID } from 'node:crypto';
import t from 'tap';
import { testHold, testSegment, testSettle } from '#libs/ledger/fixtures.ts';
import { createTestService } from '../fixtures.ts';
import { ensurePartitions } from './store.ts';

t.test('given coming months without partitions', async (t) => {
  const { pool, runtime, runTask } = await createTestService(t);
  const count = async () =>
    Number(
      (await pool.query(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'usage_events'::regclass`))
        .rows[0].count,
    );
  const before = await count();
  runtime.clock.set('2027-12-15T00:00:00.000Z');
  await Promise.all([runTask('ensure-partitions'), runTask('ensure-partitions')]);
  t.equal(await count(), before + 4, 'this month and three more, created once');
  await runTask('ensure-partitions');
  t.equal(await count(), before + 4);
  const { rows } = await pool.query(
    `SELECT DISTINCT a.attstattarget AS target FROM pg_inherits i JOIN pg_attribute a ON a.attrelid = i.inhrelid
      WHERE i.inhparent = 'usage_events'::regclass AND a.attnum > 0`,
  );
  t.strictSame(rows, [{ target: 10 }], 'all partitions have the small statistics target');
});

t.test('given partitions that are being created, then calls are held and settled meanwhile', async (t) => {
  const { pool, ledger, runtime } = await createTestService(t);
  const accountId = randomUUID();
  const segments = [testSegment({ meter: 'cost', n: 100n })];
  await ledger.setLimits({ accountId, anchor: runtime.clock.now(), periodMonths: 1, segments });
  const creating = await pool.connect();
  await creating.query('BEGIN');
  const { rows } = await creating.query("SELECT ledger_ensure_partitions('2031-01-01', 2) AS created");
  t.equal(rows[0].created, 2);

  const hold = testHold(accountId, randomUUID(), { cost: 30n });
  t.match(await ledger.hold(hold), { verdict: 'ok' });
  t.match(await ledger.settle(testSettle(accountId, hold.id, { cost: 20n })), { outcome: 'settled' });
  await creating.query('COMMIT');
  creating.release();

  const partition = await pool.query(
    `SELECT count(*)::int AS indexes FROM pg_index WHERE indrelid = 'usage_events_2031_02'::regclass`,
  );
  const parent = await pool.query(
    `SELECT count(*)::int AS indexes FROM pg_index WHERE indrelid = 'usage_events'::regclass`,
  );
  t.strictSame(partition.rows, parent.rows, 'they have every index');
});

t.test('given a transaction that settles for long, then partitions are created meanwhile', async (t) => {
  const { pool, database } = await createTestService(t);
  const settling = await pool.connect();
  await settling.query('BEGIN; LOCK TABLE ONLY usage_events IN ROW EXCLUSIVE MODE');
  t.equal(await ensurePartitions(database, new Date('2031-01-01'), 2), 2);
  await settling.query('ROLLBACK');

  await settling.query('BEGIN; SELECT count(*) FROM usage_events');
  await t.rejects(
    ensurePartitions(database, new Date('2031-03-01'), 1),
    { code: '55P03' },
    'it does not wait',
  );
  await settling.query('ROLLBACK');
  settling.release();
  t.equal(await ensurePartitions(database, new Date('2031-03-01'), 1), 1, 'the next attempt succeeds');
});
