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

t.test('given a running request, its state is found', async (t) => {
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
    'its lease has expired',
  );
  await stored.renewLeases(database, []);
  await stored.renewLeases(database, [REQUEST]);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'after a late renewal',
  );

  const ledger = createLedger({ pool });
  await ledger.setLimits({ accountId: ACCOUNT, anchor: new Date(), periodMonths: 1, segments: [] });
  await ledger.hold(testHold(ACCOUNT, REQUEST, { cost: 5n }));
  await stored.finishStoredResponse(database, REQUEST, answer);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'an unsettled response is not done',
  );
  await expire();
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'unknown' },
    'and its process has ended',
  );
  await stored.renewLeases(database, [REQUEST]);
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, ACCOUNT),
    { state: 'running' },
    'its process still settles it',
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
    'a response outlives its lease and cannot be abandoned',
  );
  t.strictSame(
    await stored.findStoredResponse(database, REQUEST, OTHER),
    { state: 'unknown' },
    'other accounts do not find it',
  );

  t.equal(await stored.purgeStoredResponses(database), 0);
  await pool.query(`UPDATE generation_results SET created_at = now() - interval '26 hours'`);
  t.equal(await stored.purgeStoredResponses(database), 1);
});

t.test('given a request of several calls, it is done when the last is settled', async (t) => {
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

t.test('given an abandoned request, it can run again', async (t) => {
  const { pool } = await createTestDatabase(t);
  const database = createDatabase(pool);
  await stored.beginStoredResponse(database, REQUEST, ACCOUNT);
  await stored.abandonStoredResponse(database, REQUEST);
  t.equal(await stored.beginStoredResponse(database, REQUEST, ACCOUNT), true);
});
