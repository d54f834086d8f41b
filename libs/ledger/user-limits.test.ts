import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';
import { readLimits } from './read-limits.ts';
import { setUserLimits, type UserLimit } from './user-limits.ts';

const { pool } = await createTestDatabase(t);
const database = createDatabase(pool);
const ledger = createLedger({ pool });
const anchor = new Date('2026-11-01T00:00:00Z');

const limit = (meter: string, n: bigint, window: UserLimit['window'] = 'total'): UserLimit => ({
  meter,
  window,
  amount: { kind: 'n', n },
  thresholdBps: [8_000, 9_000, 9_500, 10_000],
  blocks: false,
  onLimit: 'deny',
});

async function createAccount(n = 1_000_000n) {
  const accountId = randomUUID();
  const setAccountLimits = (amount: bigint) =>
    ledger.setLimits({
      accountId,
      anchor,
      periodMonths: 1,
      segments: [testSegment({ meter: 'cost', window: 'total', n: amount })],
    });
  await setAccountLimits(n);
  return {
    accountId,
    setAccountLimits,
    set: (userId: string, limits: UserLimit[], isNew = false) =>
      setUserLimits(database, null, { accountId, userId, isNew, limits }),
    hold: async (userId: string, meters: Record<string, bigint>) => {
      const id = randomUUID();
      const answer = await ledger.hold(testHold(accountId, id, meters, { userId }));
      return { id, ...answer };
    },
    usage: async (userId: string) => {
      const query = { accountId, userId, keyId: null, workspaceId: null };
      const { limits } = (await readLimits(database, new Date(), query)) ?? { limits: [] };
      return limits
        .filter(({ scope }) => scope === 'user')
        .map(({ meter, window, kind, amount, used, held }) => [meter, window, kind, amount, used, held]);
    },
  };
}

t.test(
  'given limits of users, when calls arrive at the same time, then exactly as many are admitted',
  async (t) => {
    const { accountId, set, hold, usage } = await createAccount();
    const users = [randomUUID(), randomUUID(), randomUUID()] as const;
    await set(users[0], [limit('cost', 50n), limit('api.requests', 1_000n)], true);
    await set(users[1], [limit('api.requests', 7n, 'day')]);
    const answers = await Promise.all(
      users.flatMap((user) =>
        Array.from({ length: 60 }, async () => ({
          user,
          ...(await hold(user, { cost: 1n, 'api.requests': 1n })),
        })),
      ),
    );
    const admitted = users.map((user) => answers.filter((one) => one.user === user && one.verdict === 'ok'));
    t.strictSame(
      admitted.map(({ length }) => length),
      [50, 7, 60],
    );
    await Promise.all(
      admitted
        .flat()
        .map(({ id }) => ledger.settle(testSettle(accountId, id, { cost: 1n, 'api.requests': 1n }))),
    );
    t.strictSame(await usage(users[0]), [
      ['api.requests', 'total', 'n', 1_000n, 50n, 0n],
      ['cost', 'total', 'n', 50n, 50n, 0n],
    ]);
    t.match(await hold(users[0], { cost: 1n }), {
      verdict: 'limit_exceeded',
      limit: { scope: 'user', amount: 50n },
    });
    t.strictSame(await findBreaches(pool), []);
  },
);

t.test('given a user with limits, then they change at once and survive changes of the account', async (t) => {
  const { accountId, set, hold, usage, setAccountLimits } = await createAccount();
  const [user, other] = [randomUUID(), randomUUID()];
  await set(user, [limit('cost', 10n)]);
  await set(other, [limit('cost', 10n)]);
  const first = await hold(user, { cost: 8n });
  await ledger.settle(testSettle(accountId, first.id, { cost: 6n }));
  const open = await hold(user, { cost: 3n });
  t.equal((await hold(user, { cost: 2n })).verdict, 'limit_held');

  await set(user, [limit('cost', 20n)]);
  t.strictSame(await usage(user), [['cost', 'total', 'n', 20n, 6n, 3n]]);
  await setAccountLimits(100n);
  t.strictSame(await usage(user), [['cost', 'total', 'n', 20n, 6n, 3n]]);
  t.equal((await hold(user, { cost: 12n })).verdict, 'limit_held');
  await ledger.close({ holdId: open.id, accountId });
  t.equal((await hold(user, { cost: 14n })).verdict, 'ok');

  await set(user, []);
  t.equal((await hold(user, { cost: 50n })).verdict, 'ok', 'only the account limits it');
  await set(user, [limit('cost', 70n)]);
  t.strictSame(await usage(user), [['cost', 'total', 'n', 70n, 6n, 64n]]);
  t.strictSame(await usage(other), [['cost', 'total', 'n', 10n, 0n, 0n]]);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given many users, then a change of one writes the balance of no other', async (t) => {
  const { accountId, set } = await createAccount();
  const users = Array.from({ length: 50 }, () => randomUUID());
  for (const user of users) await set(user, [limit('cost', 10n, 'day')]);
  const versions = async () => {
    const { rows } = await pool.query(
      `SELECT scope_id, version FROM ledger_balances WHERE account_id = $1 AND scope = 'user'`,
      [accountId],
    );
    return new Map<string, string>(rows.map(({ scope_id, version }) => [scope_id, version]));
  };
  const before = await versions();
  await set(users[7] as string, [limit('cost', 20n, 'day')]);
  const after = await versions();
  t.strictSame(
    users.filter((user) => before.get(user) !== after.get(user)),
    [users[7]],
  );
  await t.rejects(
    setUserLimits(database, null, { accountId: randomUUID(), userId: randomUUID(), isNew: true, limits: [] }),
    /has no balances/,
  );
});
