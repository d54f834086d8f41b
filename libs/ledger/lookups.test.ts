/** A call reads its rows by key, even with wrong estimates of the planner. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { createLedger, type Ledger } from './ledger.ts';

const ACCOUNTS = 400;
/** Far more than one call needs, and far less than there is. */
const MAX_ROWS = 60;

type Reads = Record<string, number>;

/** Rows and index entries read so far, by table; partitions count as one. */
async function readsOf(pool: Pool): Promise<Reads> {
  await pool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await pool.query<{ name: string; reads: bigint }>(
    `SELECT regexp_replace(t.relname, '_(default|\\d.*)$', '') AS name,
            sum(t.seq_tup_read + coalesce(t.idx_tup_fetch, 0) + coalesce(i.read, 0))::bigint AS reads
       FROM pg_stat_user_tables t
       LEFT JOIN (SELECT relid, sum(idx_tup_read) AS read FROM pg_stat_user_indexes GROUP BY 1) i USING (relid)
      WHERE t.relname ~ '^(ledger_|usage_|threshold_)' GROUP BY 1`,
  );
  return Object.fromEntries(rows.map(({ name, reads }) => [name, Number(reads)]));
}

async function cycle(ledger: Ledger, account: string): Promise<void> {
  const id = randomUUID();
  await ledger.hold(testHold(account, id, { cost: 5n, images: 1n }, { userId: randomUUID() }));
  await ledger.settle(testSettle(account, id, { cost: 4n, images: 1n }));
}

t.test('given many accounts, a hold and its settle read few rows of any table', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 1 });
  const ledger = createLedger({ pool });
  const accounts = Array.from({ length: ACCOUNTS }, randomUUID);
  // The plans are made while the tables are all but empty, and kept.
  for (const [index, accountId] of accounts.entries()) {
    const segments = [
      testSegment({ meter: 'cost', n: 10n ** 9n }),
      testSegment({ meter: 'images', n: 10n ** 6n, window: 'day' }),
    ];
    await ledger.setLimits({ accountId, anchor: new Date(), periodMonths: 1, segments });
    if (index < 3 || index % 4 === 0) await cycle(ledger, accountId);
  }

  for (const knowledge of [
    'what it knew when they were empty',
    'fresh statistics',
    'statistics of before they grew',
  ]) {
    if (knowledge === 'fresh statistics') await pool.query('ANALYZE');
    for (const accountId of accounts.slice(0, 100)) await cycle(ledger, accountId);
    const before = await readsOf(pool);
    await cycle(ledger, accounts.at(-1) as string);
    const after = await readsOf(pool);
    const grown = Object.entries(after).map(([name, reads]) => [name, reads - (before[name] ?? 0)] as const);
    t.strictSame(
      grown.filter(([, reads]) => reads > MAX_ROWS),
      [],
      `with ${knowledge}`,
    );
    t.ok((after.ledger_balances ?? 0) > (before.ledger_balances ?? 0), 'reads were counted');
  }
});
