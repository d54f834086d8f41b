/** An account that another transaction has locked delays only its own calls. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createPool } from '#libs/db/pool.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';

t.test('given 50 accounts, one of them locked', async (t) => {
  const { pool, url } = await createTestDatabase(t);
  const gateway = createPool({
    connectionString: url,
    max: 4,
    applicationName: 'gateway',
    statementTimeoutMs: 30_000,
  });
  t.teardown(() => gateway.end());
  const ledger = createLedger({ pool: gateway });
  const { open, usageOf } = createTestLedger(pool, { now: () => new Date() });
  const accounts = await Promise.all(
    Array.from({ length: 50 }, () => open([testSegment({ meter: 'cost', n: 100n })])),
  );
  const [locked = '', ...others] = accounts;
  const id = randomUUID();
  await ledger.hold(testHold(locked, id, { cost: 10n }));

  const client = await pool.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM ledger_balances WHERE account_id = $1 FOR NO KEY UPDATE', [locked]);
  const hold = (account: string) => ledger.hold(testHold(account, randomUUID(), { cost: 1n }));

  const waiting = [hold(locked), hold(locked)];
  const settling = ledger.settle(testSettle(locked, id, { cost: 7n }));
  // The lock is held until the others have their answers, in the same batch and in later ones.
  for (const round of ['first', 'second']) {
    const answers = await Promise.all(others.map(hold));
    t.ok(
      answers.every(({ verdict }) => verdict === 'ok'),
      `${round} round`,
    );
  }
  await client.query('COMMIT');
  client.release();

  t.strictSame(
    (await Promise.all(waiting)).map(({ verdict }) => verdict),
    ['ok', 'ok'],
    'then its own calls',
  );
  t.match(await settling, { outcome: 'settled' });
  await ledger.idle();
  t.strictSame(await usageOf(locked), { 'cost/month': [7n, 2n] });
  t.strictSame(await findBreaches(pool), []);
});
