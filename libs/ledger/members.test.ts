/** Limits of users, keys and workspaces cost no further round trip once an account is known to have them. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { holdProgram } from './hold.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';
import type { Session } from './load.ts';
import { settleProgram } from './settle.ts';
import { type Program, type Row, runProgram, type Statement } from './two-step.ts';

const SESSION: Session = { now: null, maxWaitMs: 1_000 };

const { pool } = await createTestDatabase(t);
const ledger = createLedger({ pool });

/** Runs a program. @returns its result, and the names of the statements of each round that reads. */
async function run<Result>(program: Program<Result>): Promise<{ result: Result; rounds: string[][] }> {
  const rounds: string[][] = [];
  function* watch(): Program<Result> {
    for (let step = program.next(); ; ) {
      if (step.done) return step.value;
      rounds.push(step.value.map(({ name }: Statement) => name));
      const rows: Row[][] = yield step.value;
      step = program.next(rows);
    }
  }
  return { result: await runProgram(pool, watch()), rounds };
}

const settlementOf = (accountId: string, holdId: string) => {
  const { callIndex, meters, facts, close } = testSettle(accountId, holdId, { cost: 5n });
  return { accountId, holdId, callIndex, meters, facts, close };
};

t.test('given limits of users and keys, a call takes one round before it is written', async (t) => {
  const accountId = randomUUID();
  await ledger.setLimits({
    accountId,
    anchor: new Date(),
    periodMonths: 1,
    segments: [
      testSegment({ meter: 'cost', n: 100n }),
      testSegment({ meter: 'cost', scope: 'user', scopeId: '*', n: 20n }),
      testSegment({ meter: 'cost', scope: 'key', scopeId: '*', n: 50n }),
    ],
  });
  const who = { userId: randomUUID(), keyId: randomUUID() };
  const holdOf = (meters = { cost: 8n }) => testHold(accountId, randomUUID(), meters, who);
  const first = holdOf();
  await run(holdProgram(SESSION, [first], false));

  const second = holdOf();
  const held = await run(holdProgram(SESSION, [second], false));
  t.match(held.result, [{ verdict: 'ok' }]);
  t.strictSame(held.rounds, [['ledger_settings', 'ledger_stops', 'ledger_lock', 'ledger_members']]);

  const settled = await run(settleProgram(SESSION, [settlementOf(accountId, second.id)]));
  t.match(settled.result, [{ outcome: 'settled' }]);
  t.strictSame(settled.rounds, [['ledger_settings', 'ledger_lock', 'ledger_open', 'ledger_hold_members']]);

  const tooMuch = await run(holdProgram(SESSION, [holdOf({ cost: 8n })], false));
  t.match(tooMuch.result, [{ verdict: 'limit_held', limit: { scope: 'user', used: 5n, held: 8n } }]);
  t.strictSame(await findBreaches(pool, [accountId]), []);
});

t.test('given a limit that is taken from members, then it refuses no more', async (t) => {
  const accountId = randomUUID();
  const own = [testSegment({ meter: 'cost', n: 100n })];
  const limit = (segments: typeof own) =>
    ledger.setLimits({ accountId, anchor: new Date(), periodMonths: 1, segments });
  await limit([...own, testSegment({ meter: 'cost', scope: 'user', scopeId: '*', n: 20n })]);
  const who = { userId: randomUUID() };
  const hold = () =>
    run(holdProgram(SESSION, [testHold(accountId, randomUUID(), { cost: 15n }, who)], false));
  t.match((await hold()).result, [{ verdict: 'ok' }]);
  t.match((await hold()).result, [{ verdict: 'limit_held' }]);
  await limit(own);
  t.match((await hold()).result, [{ verdict: 'ok' }]);
  t.strictSame(await findBreaches(pool, [accountId]), []);
});
