/** An installation of release 0.1.0, with data in every table, is upgraded to this version without loss. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Pool } from 'pg';
import t from 'tap';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { readLimits } from '#libs/ledger/read-limits.ts';
import { createEmptyDatabase, createTestDatabase } from '#libs/testing/database.ts';
import { describeSchema } from '#libs/testing/schema.ts';
import { migrate, migrationsFolder } from './migrate.ts';
import { ensureServiceRoles } from './roles.ts';

const FIXTURE = path.join(migrationsFolder, 'fixtures/release-0.1.0.sql.gz');
/** Tables that were renamed since, by their old name. */
const RENAMED: Readonly<Record<string, string>> = {
  ledger_books: 'ledger_balances',
  ledger_holds: 'ledger_decisions',
  usage_daily: 'usage_daily_totals',
};

/** The account of the fixture with open, expired and refused holds; see migrations/README.md. */
const ACCOUNT = '00000000-0000-4000-8000-00000000001f';
const USER = '00000000-0000-4000-8000-0000000000aa';
const holdId = (n: number) => `00000000-0000-4000-8000-0000000001${String(n).padStart(2, '0')}`;

async function countRows(pool: Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition`,
  );
  const counts: Record<string, number> = {};
  for (const { name } of rows) {
    const counted = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${name}`);
    counts[RENAMED[name] ?? name] = counted.rows[0]?.n ?? 0;
  }
  return counts;
}

/** The amounts that must not change, read with column names that every version has. */
async function readAmounts(pool: Pool): Promise<unknown[]> {
  const queries = [
    `SELECT account_id, meter, sum(amount)::text AS used, count(*)::int AS calls
       FROM usage_events, unnest(meters, amounts) a(meter, amount) GROUP BY 1, 2 ORDER BY 1, 2`,
    `SELECT account_id, sum(cost_nano_usd)::text, sum(calls)::text FROM usage_daily GROUP BY 1 ORDER BY 1`,
    `SELECT account_id, scope, scope_id, meter, win, window_start::text, window_end::text, kind, amount, used, held
       FROM ledger_counters ORDER BY 1, 2, 3, 4, 5, 6`,
    `SELECT id, state, verdict, created_at::text, expires_at::text, closed_at::text, meters, asked, remaining, settled_calls
       FROM ledger_holds ORDER BY id`,
    'SELECT account_id, counter_id, state, used FROM threshold_events ORDER BY id',
    'SELECT account_id, plan_key, cycle, current_period_end::text FROM subscriptions ORDER BY 1',
  ];
  const amounts: unknown[] = [];
  for (const sql of queries) amounts.push((await pool.query(sql)).rows);
  return amounts;
}

t.test('given an installation of release 0.1.0', async (t) => {
  const { pool, url } = await createEmptyDatabase(t);
  const client = await pool.connect();
  await ensureServiceRoles(client);
  await client.query(gunzipSync(readFileSync(FIXTURE)).toString());
  client.release(true);
  const counts = await countRows(pool);
  const amounts = await readAmounts(pool);
  const empty = Object.entries(counts).filter(([, count]) => count === 0);
  t.strictSame(empty, [], 'the fixture has rows in every table');

  await t.test('when it is migrated, every row and amount is still there', async (t) => {
    await migrate({ connectionString: url });
    const after = await countRows(pool);
    for (const [table, count] of Object.entries(counts)) t.equal(after[table], count, table);
    t.strictSame(await readAmounts(pool), amounts);
    t.strictSame(await findBreaches(pool), []);
  });

  await t.test('and its schema is that of a new installation', async (t) => {
    const fresh = await createTestDatabase(t);
    t.strictSame(await describeSchema(pool), await describeSchema(fresh.pool));
  });

  await t.test('and its open holds settle, its limits hold, at the time of the fixture', async (t) => {
    const { rows } = await pool.query<{ at: Date }>(
      `SELECT max(created_at) + interval '1 second' AS at FROM ledger_holds`,
    );
    const now = rows[0]?.at as Date;
    const ledger = createLedger({ pool, now: () => now });
    const usageOf = async () => {
      const limits = await readLimits({ $client: pool }, now, {
        accountId: ACCOUNT,
        userId: USER,
        keyId: null,
        workspaceId: null,
      });
      const cost = limits?.limits.find(({ meter, scope }) => meter === 'cost' && scope === 'account');
      return [cost?.used, cost?.held];
    };
    // 90 settled, 50 of 200 settled, 150 open, 60 late, 40 where 20 were held, and 10 that may have expired.
    await ledger.expire(10);
    t.strictSame(await usageOf(), [240n, 300n]);

    t.match(await ledger.settle(testSettle(ACCOUNT, holdId(2), { cost: 70n }, { callIndex: 1 })), {
      outcome: 'settled',
      late: false,
      overrun: false,
    });
    t.match(await ledger.close({ holdId: holdId(3), accountId: ACCOUNT }), { outcome: 'closed' });
    t.match(await ledger.settle(testSettle(ACCOUNT, holdId(1), { cost: 90n })), { outcome: 'repeated' });
    t.strictSame(await usageOf(), [310n, 0n]);

    t.match(await ledger.hold(testHold(ACCOUNT, holdId(50), { cost: 691n })), {
      verdict: 'limit_exceeded',
      limit: { meter: 'cost', scope: 'account', used: 310n, amount: 1_000n },
    });
    t.match(await ledger.hold(testHold(ACCOUNT, holdId(51), { cost: 391n }, { userId: USER })), {
      verdict: 'limit_exceeded',
      limit: { meter: 'cost', scope: 'user', scopeId: USER, used: 210n, amount: 600n },
    });
    t.match(await ledger.hold(testHold(ACCOUNT, holdId(52), { cost: 390n }, { userId: USER })), {
      verdict: 'ok',
    });
    t.match(await ledger.hold(testHold(ACCOUNT, holdId(53), { audio: 1n })), { verdict: 'meter_disabled' });
    t.strictSame(await findBreaches(pool, [ACCOUNT]), []);
  });
});
