import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { addMonths, periodAt } from './period.ts';

t.test('months keep their day where they have it', async (t) => {
  const cases: [string, number, string][] = [
    ['2026-01-31T10:00:00.000Z', 1, '2026-02-28T10:00:00.000Z'],
    ['2026-01-31T10:00:00.000Z', 2, '2026-03-31T10:00:00.000Z'],
    ['2024-01-31T10:00:00.000Z', 1, '2024-02-29T10:00:00.000Z'],
    ['2024-02-29T00:00:00.000Z', 12, '2025-02-28T00:00:00.000Z'],
    ['2026-03-31T00:00:00.000Z', -1, '2026-02-28T00:00:00.000Z'],
    ['2026-11-20T23:59:59.999Z', 2, '2027-01-20T23:59:59.999Z'],
  ];
  for (const [from, months, to] of cases) t.equal(addMonths(new Date(from), months).toISOString(), to);
});

t.test('periods are those of the ledger', async (t) => {
  const { pool } = await createTestDatabase(t);
  const anchors = ['2026-01-31T10:00:00.000Z', '2024-02-29T00:00:00.000Z', '2026-11-20T12:34:56.789Z'];
  const instants = [
    '2026-01-31T09:59:59.999Z',
    '2026-01-31T10:00:00.000Z',
    '2026-02-28T09:59:59.999Z',
    '2026-02-28T10:00:00.000Z',
    '2026-03-31T10:00:00.000Z',
    '2027-02-28T00:00:00.000Z',
    '2028-02-29T00:00:00.000Z',
    '2030-12-31T23:59:59.999Z',
  ];
  for (const anchor of anchors) {
    for (const at of instants) {
      for (const months of [1, 12]) {
        const { rows } = await pool.query(`SELECT * FROM ledger_window('period', $1, $2, $3)`, [
          at,
          anchor,
          months,
        ]);
        const { start, end } = periodAt(new Date(anchor), months, new Date(at));
        t.strictSame(
          { window_start: start, window_end: end },
          rows[0],
          `${at} in periods of ${months} from ${anchor}`,
        );
      }
    }
  }
});
