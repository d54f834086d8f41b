import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { createDatabase, transaction } from '#libs/db/database.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment } from './fixtures.ts';

const HOUR_MS = 3_600_000;

const { pool } = await createTestDatabase(t);
const clock = createFakeClock('2026-11-20T12:00:00Z');
const { ledger, open, usageOf } = createTestLedger(pool, clock);

/** Until a transaction of this database waits for a lock. */
async function untilLocked(): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    if (rowCount) return;
    await setImmediate();
  }
}

t.test('an extended hold expires later, even if it was about to expire', async (t) => {
  const account = await open([testSegment({ meter: 'cost', n: 100n })]);
  const id = randomUUID();
  await ledger.hold(testHold(account, id, { cost: 60n }));
  clock.advance(60_000);
  const expiresAt = new Date(clock.now().getTime() + HOUR_MS);
  let expiry: Promise<unknown> = Promise.resolve();
  await transaction(createDatabase(pool), async (tx) => {
    t.strictSame(await ledger.extend({ holdId: id, accountId: account, ttlMs: HOUR_MS }, tx), expiresAt);
    // It finds the hold due, and waits for the account.
    expiry = ledger.expire(10);
    await untilLocked();
  });
  t.strictSame(await expiry, []);
  const { rows } = await pool.query('SELECT state, expires_at FROM ledger_holds WHERE id = $1', [id]);
  t.strictSame(rows, [{ state: 'open', expires_at: expiresAt }]);
  clock.advance(HOUR_MS);
  t.match(await ledger.expire(10), [{ id, released: { cost: 60n } }]);
  t.strictSame(await usageOf(account), { 'cost/month': [0n, 0n] });
});

t.test('a hold that has ended, or of another account, is not extended', async (t) => {
  const account = await open([testSegment({ meter: 'cost', n: 100n })]);
  const [id, ended] = [randomUUID(), randomUUID()];
  for (const holdId of [id, ended]) await ledger.hold(testHold(account, holdId, { cost: 1n }));
  await ledger.close({ holdId: ended, accountId: account });
  const extend = (holdId: string, accountId = account) =>
    ledger.extend({ holdId, accountId, ttlMs: HOUR_MS });
  t.equal(await extend(ended), null);
  t.equal(await extend(randomUUID()), null);
  t.equal(await extend(id, await open([])), null);
  const inAnHour = new Date(clock.now().getTime() + HOUR_MS);
  t.strictSame(await extend(id), inAnHour, 'from now on, not from its expiry');
  await t.rejects(ledger.extend({ holdId: id, accountId: account, ttlMs: 0.5 }), RangeError);
});

t.test('an extension that is rolled back changes nothing', async (t) => {
  const account = await open([testSegment({ meter: 'cost', n: 100n })]);
  const id = randomUUID();
  await ledger.hold(testHold(account, id, { cost: 60n }));
  const failure = new Error('The job was not created.');
  await t.rejects(
    transaction(createDatabase(pool), async (tx) => {
      await ledger.extend({ holdId: id, accountId: account, ttlMs: HOUR_MS }, tx);
      throw failure;
    }),
    failure,
  );
  clock.advance(60_000);
  t.ok((await ledger.expire(10)).some((hold) => hold.id === id));
  t.strictSame(await usageOf(account), { 'cost/month': [0n, 0n] });
});
