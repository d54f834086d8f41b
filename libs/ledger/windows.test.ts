import fc from 'fast-check';
import t from 'tap';
import { WINDOWS, type Window } from '#libs/catalogue/limit.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { windowAt } from './reference-model.ts';

const ANCHOR_31 = '2026-01-31T09:30:00Z';

/** [window, moment, anchor, months in a period, start, end] */
const TABLE: [Window, string, string, number, string, string][] = [
  ['day', '2026-11-20T00:00:00Z', ANCHOR_31, 1, '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z'],
  ['day', '2026-11-20T23:59:59.999Z', ANCHOR_31, 1, '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z'],
  ['day', '2028-02-29T12:00:00Z', ANCHOR_31, 1, '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['week', '2026-11-20T12:00:00Z', ANCHOR_31, 1, '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
  ['week', '2026-11-22T23:59:59Z', ANCHOR_31, 1, '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
  ['week', '2026-11-23T00:00:00Z', ANCHOR_31, 1, '2026-11-23T00:00:00Z', '2026-11-30T00:00:00Z'],
  ['week', '2027-01-01T00:00:00Z', ANCHOR_31, 1, '2026-12-28T00:00:00Z', '2027-01-04T00:00:00Z'],
  ['month', '2026-12-31T23:59:59Z', ANCHOR_31, 1, '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ['month', '2028-02-10T00:00:00Z', ANCHOR_31, 1, '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  // Anchored to the 31st: the last day of shorter months, and the 31st again after them.
  ['period', '2026-01-31T09:30:00Z', ANCHOR_31, 1, '2026-01-31T09:30:00Z', '2026-02-28T09:30:00Z'],
  ['period', '2026-02-28T09:29:59Z', ANCHOR_31, 1, '2026-01-31T09:30:00Z', '2026-02-28T09:30:00Z'],
  ['period', '2026-02-28T09:30:00Z', ANCHOR_31, 1, '2026-02-28T09:30:00Z', '2026-03-31T09:30:00Z'],
  ['period', '2026-04-15T00:00:00Z', ANCHOR_31, 1, '2026-03-31T09:30:00Z', '2026-04-30T09:30:00Z'],
  ['period', '2028-02-29T10:00:00Z', ANCHOR_31, 1, '2028-02-29T09:30:00Z', '2028-03-31T09:30:00Z'],
  ['period', '2030-12-31T09:29:59Z', ANCHOR_31, 1, '2030-11-30T09:30:00Z', '2030-12-31T09:30:00Z'],
  // A year from a leap day.
  [
    'period',
    '2028-06-01T00:00:00Z',
    '2028-02-29T00:00:00Z',
    12,
    '2028-02-29T00:00:00Z',
    '2029-02-28T00:00:00Z',
  ],
  [
    'period',
    '2029-02-28T00:00:00Z',
    '2028-02-29T00:00:00Z',
    12,
    '2029-02-28T00:00:00Z',
    '2030-02-28T00:00:00Z',
  ],
  [
    'period',
    '2032-03-01T00:00:00Z',
    '2028-02-29T00:00:00Z',
    12,
    '2032-02-29T00:00:00Z',
    '2033-02-28T00:00:00Z',
  ],
  ['period', '2027-01-15T00:00:00Z', ANCHOR_31, 12, '2026-01-31T09:30:00Z', '2027-01-31T09:30:00Z'],
  [
    'period',
    '2026-08-30T09:30:00Z',
    '2025-11-30T09:30:00Z',
    3,
    '2026-08-30T09:30:00Z',
    '2026-11-30T09:30:00Z',
  ],
  // Before its anchor, time has periods too.
  ['period', '2025-12-31T09:30:00Z', ANCHOR_31, 1, '2025-12-31T09:30:00Z', '2026-01-31T09:30:00Z'],
];

t.test('windows begin and end where calendars say', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const read = async (rows: readonly (readonly [Window, Date, Date, number])[]) =>
    (
      await pool.query<{ window_start: Date | number; window_end: Date | number }>(
        `SELECT w.* FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::integer[])
           WITH ORDINALITY q(win, at, anchor, months, n), ledger_window(q.win, q.at, q.anchor, q.months) w ORDER BY q.n`,
        [0, 1, 2, 3].map((column) => rows.map((row) => row[column])),
      )
    ).rows.map((row) => [row.window_start.valueOf(), row.window_end.valueOf()]);

  const windows = await read(
    TABLE.map(([win, at, anchor, months]) => [win, new Date(at), new Date(anchor), months]),
  );
  for (const [index, [win, at, anchor, months, start, end]] of TABLE.entries()) {
    t.strictSame(
      windows[index],
      [Date.parse(start), Date.parse(end)],
      `${win} of ${at}, ${months} from ${anchor}`,
    );
  }
  t.strictSame(await read([['total', new Date(), new Date(), 1]]), [[-Infinity, Infinity]]);

  const moment = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
  const cases = fc.sample(fc.tuple(fc.constantFrom(...WINDOWS), moment, moment, fc.constantFrom(1, 3, 12)), {
    numRuns: 2_000,
    seed: 1,
  });
  const found = await read(cases);
  let differing = 0;
  for (const [index, [win, at, anchor, periodMonths]] of cases.entries()) {
    const expected = windowAt(win, at, { anchor, periodMonths, segments: [] });
    if (JSON.stringify(found[index]) !== JSON.stringify(expected)) differing += 1;
  }
  t.equal(differing, 0, '2000 random windows are what another implementation says');
});

t.test('states follow what is used, lines are reached at the smallest whole amount', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const states = async (amount: bigint, used: readonly bigint[]) =>
    (
      await pool.query<{ state: string }>(
        `SELECT ledger_state('n', u, $1, ARRAY(SELECT ledger_threshold($1, b) FROM unnest('{8000,9000,9500,10000}'::int[]) b)) AS state
           FROM unnest($2::bigint[]) WITH ORDINALITY q(u, n) ORDER BY n`,
        [amount, used],
      )
    ).rows.map(({ state }) => state);
  t.strictSame(await states(100n, [0n, 79n, 80n, 89n, 90n, 94n, 95n, 99n, 100n, 1_000n]), [
    ...['ok', 'ok', 'warning', 'warning', 'notice', 'notice'],
    ...['blocked', 'blocked', 'exhausted', 'exhausted'],
  ]);
  t.strictSame(
    await states(7n, [5n, 6n, 7n]),
    ['ok', 'warning', 'exhausted'],
    '5.6, 6.3 and 6.65 round up to 6 and 7',
  );
  t.strictSame(await states(1n, [0n, 1n]), ['ok', 'exhausted']);
  t.strictSame(await states(0n, [0n]), ['exhausted']);
  t.strictSame(
    await states(9_000_000_000_000_000_000n, [7_199_999_999_999_999_999n, 7_200_000_000_000_000_000n]),
    ['ok', 'warning'],
    'without a float near the end of the range',
  );
});
