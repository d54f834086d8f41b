import t from 'tap';
import { createDatabase } from '#libs/db/database.ts';
import { testHold, testSettle } from '#libs/ledger/fixtures.ts';
import { createLedger } from '#libs/ledger/ledger.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import * as stored from './store.ts';

const REQUEST = '0190a1b2-0000-7000-8000-00000000f001';
const ACCOUNT = '0190a1b2-0000-7000-8000-00000000a001';
const OTHER = '0190a1b2-0000-7000-8000-00000000a002';
const answer = { status: 200, headers: { 'content-type': 'text/plain' }, body: Buffer.from('Grüße') };

t.test('given a request at work, its state follows it', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const expire = () => pool.query(`UPDATE generation_results SET lease_until = now() - interval '1 second'`);

  t.strictSame(await stored.findStoredResponse(database, REQUEST, ACCOUNT), { state: 'unknown' });
  t.equal(await stored.beginStoredResponse(database, REQUEST, ACCOUNT), true);
  t.equal(await stored.beginStoredResponse(database, REQUEST, ACCOUNT), false, 'only once');
  t.strictSame(await stored.findStoredResponse(database, REQUEST, ACCOUNT), { state: 'running' });

  await expire();
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'unknown' },
    'its process is gone',
  );
  await stored.renewLeases(database, []);
  await stored.renewLeases(database, [REQUEST]);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'or was only slow',
  );

  const ledger = createLedger({ pool });
  await ledger.setLimits({ accountId: ACCOUNT, anchor: new Date(), periodMonths: 1, segments: [] });
  await ledger.hold(testHold(ACCOUNT, REQUEST, { cost: 5n }));
  await stored.finishStoredResponse(database, REQUEST, answer);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'what is not settled is not done',
  );
  await expire();
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'unknown' },
    'and nobody is left to settle it',
  );
  await stored.renewLeases(database, [REQUEST]);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'or its process is still trying',
  );
  await ledger.settle(testSettle(ACCOUNT, REQUEST, { cost: 3n }));
  await expire();
  await stored.abandonStoredResponse(database, REQUEST);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    {
      state: 'done',
      status: 200,
      headers: answer.headers,
      body_base64: answer.body.toString('base64'),
    },
    'an answer outlives its lease and is not given up',
  );
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, OTHER),
    { state: 'unknown' },
    'nobody else finds it',
  );

  t.equal(await stored.purgeStoredResponses(database), 0);
  await pool.query(`UPDATE generation_results SET created_at = now() - interval '26 hours'`);
  t.equal(await stored.purgeStoredResponses(database), 1);
});

t.test('given a request of several calls, it is done with the last one', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  const ledger = createLedger({ pool });
  await ledger.setLimits({ accountId: ACCOUNT, anchor: new Date(), periodMonths: 1, segments: [] });
  await ledger.hold(testHold(ACCOUNT, REQUEST, { cost: 5n }, { detail: '{"calls":[{},{}]}' }));
  await stored.beginStoredResponse(database, REQUEST, ACCOUNT);
  await stored.finishStoredResponse(database, REQUEST, answer);
  await ledger.settle(testSettle(ACCOUNT, REQUEST, { cost: 1n }, { callIndex: 0, close: false }));
  t.match(await stored.findStoredResponse(database, REQUEST, ACCOUNT), { state: 'running' });
  await ledger.settle(testSettle(ACCOUNT, REQUEST, { cost: 1n }, { callIndex: 1 }));
  t.match(await stored.findStoredResponse(database, REQUEST, ACCOUNT), { state: 'done' });
});

t.test('given a request that was given up, it may run again', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  await stored.beginStoredResponse(database, REQUEST, ACCOUNT);
  await stored.abandonStoredResponse(database, REQUEST);
  t.equal(await stored.beginStoredResponse(database, REQUEST, ACCOUNT), true);
});
