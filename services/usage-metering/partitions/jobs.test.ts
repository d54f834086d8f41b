import t from 'tap';
import { createTestService } from '../fixtures.ts';

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
