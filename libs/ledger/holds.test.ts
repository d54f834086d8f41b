import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { createLedger } from './ledger.ts';

const NOON = '2026-11-20T12:00:00Z';

t.test('given limits on cost and on images', async (t) => {
  const database = await createTestDatabase(t);
  const clock = createFakeClock(NOON);
  const { ledger, open, usageOf, events } = createTestLedger(database.pool, clock);

  t.test('a hold sets the worst case aside, settling moves it, closing releases the rest', async (t) => {
    const account = await open([
      testSegment({ meter: 'cost', n: 1_000n }),
      testSegment({ meter: 'images', n: 10n, window: 'day' }),
    ]);
    const id = randomUUID();
    const held = await ledger.hold(testHold(account, id, { cost: 300n, images: 2n }));
    t.match(held, {
      verdict: 'ok',
      replayed: false,
      stop: null,
      expiresAt: new Date('2026-11-20T12:01:00Z'),
    });
    t.strictSame(held.limit, {
      ...{ meter: 'cost', window: 'month', scope: 'account', scopeId: '', kind: 'n', source: 'test' },
      ...{ amount: 1_000n, used: 0n, held: 0n, asked: 300n, resetsAt: new Date('2026-12-01T00:00:00Z') },
    });
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 300n], 'images/day': [0n, 2n] });

    const first = await ledger.settle(testSettle(account, id, { cost: 120n, images: 1n }, { close: false }));
    t.match(first, {
      outcome: 'settled',
      late: false,
      overrun: false,
      state: 'ok',
      limit: { meter: 'cost', used: 120n, held: 180n },
    });
    t.strictSame(await usageOf(account), { 'cost/month': [120n, 180n], 'images/day': [1n, 1n] });

    const second = await ledger.settle(testSettle(account, id, { cost: 30n }, { callIndex: 1 }));
    t.match(second, {
      outcome: 'settled',
      late: false,
      overrun: false,
      limit: { meter: 'cost', used: 150n, held: 0n },
    });
    t.strictSame(await usageOf(account), { 'cost/month': [150n, 0n], 'images/day': [1n, 0n] });
    t.strictSame(await events(account), []);
  });

  t.test('all or nothing: what one meter refuses is not held on another', async (t) => {
    const account = await open([
      testSegment({ meter: 'cost', n: 1_000n }),
      testSegment({ meter: 'images', n: 1n }),
    ]);
    const answer = await ledger.hold(testHold(account, randomUUID(), { cost: 10n, images: 2n }));
    t.match(answer, {
      verdict: 'limit_exceeded',
      limit: { meter: 'images', amount: 1n, used: 0n, held: 0n, asked: 2n },
    });
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 0n], 'images/month': [0n, 0n] });
  });

  t.test('what would fit once others settle is held up, not exceeded', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const id = randomUUID();
    t.equal((await ledger.hold(testHold(account, id, { cost: 60n }))).verdict, 'ok');
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 41n })), {
      verdict: 'limit_held',
      limit: { used: 0n, held: 60n, asked: 41n },
    });
    t.equal(
      (await ledger.hold(testHold(account, randomUUID(), { cost: 40n }))).verdict,
      'ok',
      'to the last unit',
    );
    t.equal((await ledger.hold(testHold(account, randomUUID(), { cost: 101n }))).verdict, 'limit_exceeded');
    await ledger.close({ holdId: id, accountId: account });
    t.equal((await ledger.hold(testHold(account, randomUUID(), { cost: 60n }))).verdict, 'ok');
  });

  t.test('at 95 % cost admits nothing new; what was admitted finishes; images go to the last', async (t) => {
    const account = await open([
      testSegment({ meter: 'cost', n: 100n }),
      testSegment({ meter: 'images', n: 20n }),
    ]);
    const [running, last] = [randomUUID(), randomUUID()];
    await ledger.hold(testHold(account, running, { cost: 95n, images: 19n }));
    await ledger.hold(testHold(account, last, { cost: 5n }));
    t.match(await ledger.settle(testSettle(account, running, { cost: 95n, images: 19n })), {
      state: 'blocked',
    });
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 1n })), {
      verdict: 'limit_blocked',
      limit: { meter: 'cost', used: 95n, held: 5n },
    });
    t.equal(
      (await ledger.hold(testHold(account, randomUUID(), { images: 1n }))).verdict,
      'ok',
      'the last image',
    );
    t.match(await ledger.settle(testSettle(account, last, { cost: 5n })), {
      outcome: 'settled',
      state: 'exhausted',
    });
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 1n })), { verdict: 'limit_exceeded' });
  });

  t.test('disabled, unlimited and overage', async (t) => {
    const account = await open([
      testSegment({ meter: 'images', amount: { kind: 'disabled' } }),
      testSegment({ meter: 'tokens.total' }),
      testSegment({ meter: 'calls.openai', n: 1n, onLimit: 'overage' }),
    ]);
    t.match(await ledger.hold(testHold(account, randomUUID(), { images: 1n })), {
      verdict: 'meter_disabled',
      limit: { kind: 'disabled', amount: null },
    });
    t.equal(
      (await ledger.hold(testHold(account, randomUUID(), { 'tokens.total': 1n }))).limit,
      null,
      'nothing limits',
    );
    const id = randomUUID();
    const answer = await ledger.hold(
      testHold(account, id, { 'tokens.total': 10n ** 12n, 'calls.openai': 3n }),
    );
    t.match(answer, { verdict: 'ok', limit: { meter: 'calls.openai', amount: 1n, asked: 3n } });
    t.match(
      await ledger.settle(testSettle(account, id, { 'tokens.total': 10n ** 12n, 'calls.openai': 3n })),
      { state: 'exhausted' },
    );
    t.strictSame(await usageOf(account), {
      'images/month': [0n, 0n],
      'tokens.total/month': [10n ** 12n, 1n],
      'calls.openai/month': [3n, 0n],
    });
    t.match(
      await ledger.hold(testHold(account, randomUUID(), { video: 5n })),
      { verdict: 'ok', limit: null },
      'a meter without a limit',
    );
  });

  t.test('the same id is the same hold', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const request = testHold(account, randomUUID(), { cost: 60n });
    const [first, again] = await Promise.all([ledger.hold(request), ledger.hold(request)]);
    t.match(first, { verdict: 'ok', replayed: false });
    t.strictSame(again, { ...first, replayed: true });
    t.equal(first.msLeft, request.ttlMs);
    clock.advance(20_000);
    t.equal((await ledger.hold(request)).msLeft, request.ttlMs - 20_000, 'a duration, by the same clock');
    clock.advance(3_600_000);
    t.equal((await ledger.hold(request)).msLeft, 0);
    clock.advance(-3_620_000);
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 60n] });
    const refused = testHold(account, randomUUID(), { cost: 50n });
    const refusal = await ledger.hold(refused);
    t.equal(refusal.verdict, 'limit_held');
    await ledger.close({ holdId: request.id, accountId: account });
    t.strictSame(await ledger.hold(refused), { ...refusal, replayed: true }, 'a kept refusal stays one');
    const attempt = testHold(account, randomUUID(), { cost: 101n }, { keepRefusal: false });
    t.equal((await ledger.hold(attempt)).verdict, 'limit_exceeded');
    t.match(
      await ledger.hold({ ...attempt, meters: { cost: 100n } }),
      { verdict: 'ok', replayed: false },
      'one that was not kept is decided anew',
    );
    const hopeless = testHold(account, randomUUID(), { cost: 2n }, { keepRefusal: false });
    t.equal((await ledger.hold(hopeless)).verdict, 'limit_held');
    t.match(
      await ledger.hold({ ...hopeless, meters: { cost: 1n } }),
      { verdict: 'limit_held', replayed: true },
      'without headroom a refusal is always recorded',
    );
    const otherAccount = await open([testSegment({ meter: 'cost', n: 100n })]);
    const { rowCount } = await database.pool.query(
      'SELECT FROM ledger_holds WHERE id = $1 AND account_id = $2',
      [refused.id, otherAccount],
    );
    t.equal(rowCount, 0);
  });

  t.test('a call is settled once, even if the second settlement differs', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 60n }));
    const [first, again] = await Promise.all([
      ledger.settle(testSettle(account, id, { cost: 10n })),
      ledger.settle(testSettle(account, id, { cost: 20n })),
    ]);
    t.match(first, { outcome: 'settled' });
    t.match(again, { outcome: 'repeated', late: false, state: 'ok', limit: { used: 10n, held: 0n } });
    t.match(await ledger.close({ holdId: id, accountId: account }), { outcome: 'repeated' });
    t.strictSame(await usageOf(account), { 'cost/month': [10n, 0n] });
    const calls = await database.pool.query('SELECT FROM usage_events WHERE account_id = $1', [account]);
    t.equal(calls.rowCount, 1);
  });

  t.test('what was never held cannot be settled, nor what is held by another account', async (t) => {
    const [account, otherAccount] = [await open([testSegment({ meter: 'cost', n: 100n })]), await open([])];
    const [id, refused] = [randomUUID(), randomUUID()];
    await ledger.hold(testHold(account, id, { cost: 60n }));
    await ledger.hold(testHold(account, refused, { cost: 101n }));
    for (const [accountId, holdId] of [
      [account, randomUUID()],
      [otherAccount, id],
      [account, refused],
    ] as const) {
      t.match(await ledger.settle(testSettle(accountId, holdId, { cost: 1n })), {
        outcome: 'unknown_hold',
        limit: null,
      });
      t.match(await ledger.close({ holdId, accountId }), { outcome: 'unknown_hold' });
    }
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 60n] });
    t.match(await ledger.hold(testHold(randomUUID(), randomUUID(), { cost: 1n })), {
      verdict: 'unknown_account',
      limit: null,
    });
  });

  t.test('a call that costs more than its hold is recorded at its cost, and marked', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 10n }));
    const answer = await ledger.settle(testSettle(account, id, { cost: 130n, 'tokens.total': 5n }));
    t.match(answer, {
      outcome: 'settled',
      overrun: true,
      late: false,
      state: 'exhausted',
      limit: { used: 130n, held: 0n },
    });
    t.strictSame(await usageOf(account), { 'cost/month': [130n, 0n] });
    const { rows } = await database.pool.query(
      'SELECT overrun, late, meters, amounts FROM usage_events WHERE hold_id = $1',
      [id],
    );
    t.strictSame(rows, [
      { overrun: true, late: false, meters: ['cost', 'tokens.total'], amounts: [130n, 5n] },
    ]);
  });

  t.test('an expired hold is released; a call that settles after it still counts', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    await ledger.expire(1_000);
    clock.advance(60_000);
    await ledger.expire(1_000);
    const [id, kept] = [randomUUID(), randomUUID()];
    await ledger.hold(testHold(account, id, { cost: 60n }));
    await ledger.hold(testHold(account, kept, { cost: 1n }, { ttlMs: 120_000 }));
    await ledger.settle(testSettle(account, id, { cost: 10n }, { close: false }));
    t.strictSame(await ledger.expire(10), []);
    clock.advance(60_000);
    t.strictSame(await ledger.expire(10), [
      { id, accountId: account, settledCalls: [0], released: { cost: 50n }, expiresAt: clock.now() },
    ]);
    t.strictSame(await usageOf(account), { 'cost/month': [10n, 1n] });
    t.strictSame(await ledger.expire(10), [], 'once');
    t.match(await ledger.settle(testSettle(account, id, { cost: 25n }, { callIndex: 1 })), {
      outcome: 'settled',
      late: true,
      overrun: false,
    });
    t.match(await ledger.close({ holdId: id, accountId: account }), { outcome: 'repeated' });
    t.strictSame(await usageOf(account), { 'cost/month': [35n, 1n] });
    const { rows } = await database.pool.query('SELECT state FROM ledger_holds WHERE id = $1', [id]);
    t.strictSame(rows, [{ state: 'expired' }]);
  });

  t.test('holds expire oldest first, no more than asked for', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    for (const [index, id] of ids.entries())
      await ledger.hold(testHold(account, id, { cost: 1n }, { ttlMs: 3_000 - index * 1_000 }));
    clock.advance(3_000);
    t.strictSame((await ledger.expire(2)).map(({ id }) => id).sort(), [ids[1], ids[2]].sort());
    t.strictSame(
      (await ledger.expire(2)).map(({ id }) => id),
      [ids[0]],
    );
  });

  t.test('token counts beyond 32 bits are recorded, and summed', async (t) => {
    const account = await open([testSegment({ meter: 'tokens.total', n: 10n ** 12n })]);
    const id = randomUUID();
    const tokens = 5_000_000_000;
    await ledger.hold(testHold(account, id, { 'tokens.total': BigInt(tokens) }));
    await ledger.settle(
      testSettle(account, id, { 'tokens.total': BigInt(tokens) }, { facts: { inputTokens: tokens } }),
    );
    const { rows } = await database.pool.query(
      `SELECT e.input_tokens AS event, d.input_tokens AS day FROM usage_events e JOIN usage_daily d USING (account_id)
        WHERE e.account_id = $1`,
      [account],
    );
    t.strictSame(rows, [{ event: BigInt(tokens), day: BigInt(tokens) }]);
  });

  t.test('nonsense is refused before it meets the calls of others', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    await t.rejects(ledger.hold(testHold(account, randomUUID(), { cost: -1n })), RangeError);
    await t.rejects(ledger.hold(testHold(account, randomUUID(), { cost: 2n ** 62n })), RangeError);
    await t.rejects(ledger.hold(testHold(account, 'x,y', { cost: 1n })), RangeError);
    await t.rejects(ledger.settle(testSettle(account, randomUUID(), { cost: -1n })), RangeError);
    const [bad, good] = await Promise.allSettled([
      ledger.hold(testHold(account, randomUUID(), { cost: 1n }, { ttlMs: 1.5 })),
      ledger.hold(testHold(account, randomUUID(), { cost: 1n }, { detail: 'a\0b' })),
    ]);
    t.equal(bad.status, 'rejected', 'what the database refuses fails alone');
    t.equal(good.status, 'fulfilled');
    t.strictSame(await usageOf(account), { 'cost/month': [0n, 1n] });
  });
});

t.test('given limits of users, keys and workspaces', async (t) => {
  const database = await createTestDatabase(t);
  const clock = createFakeClock(NOON);
  const { ledger, open, usageOf } = createTestLedger(database.pool, clock);
  const [ann, bob, key, room] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];

  t.test('each user has the limit for all, unless one is their own', async (t) => {
    const account = await open([
      testSegment({ meter: 'images', n: 10n }),
      testSegment({ meter: 'images', n: 2n, scope: 'user', scopeId: '*', window: 'day' }),
      testSegment({ meter: 'images', n: 5n, scope: 'user', scopeId: bob, window: 'day' }),
    ]);
    const ask = async (userId: string | null, images: bigint) =>
      (await ledger.hold(testHold(account, randomUUID(), { images }, { userId }))).verdict;
    t.strictSame(
      await Promise.all([
        ask(ann, 2n),
        ask(ann, 1n),
        ask(bob, 5n),
        ask(bob, 1n),
        ask(null, 3n),
        ask(null, 1n),
      ]),
      [...['ok', 'limit_held', 'ok', 'limit_held', 'ok', 'limit_held']],
    );
    t.strictSame(await usageOf(account), {
      'images/month': [0n, 10n],
      [`images/day/user:${ann}`]: [0n, 2n],
      [`images/day/user:${bob}`]: [0n, 5n],
    });
    const answer = await ledger.hold(testHold(account, randomUUID(), { images: 6n }, { userId: bob }));
    t.match(answer, { verdict: 'limit_exceeded', limit: { scope: 'user', scopeId: bob, amount: 5n } });
  });

  t.test('a call counts for its user, its key and its workspace at once', async (t) => {
    const account = await open(
      (['user', 'key', 'workspace'] as const).map((scope) =>
        testSegment({ meter: 'cost', n: 100n, scope, scopeId: '*' }),
      ),
    );
    const id = randomUUID();
    await ledger.hold(testHold(account, id, { cost: 60n }, { userId: ann, keyId: key, workspaceId: room }));
    t.match(await ledger.hold(testHold(account, randomUUID(), { cost: 50n }, { keyId: key })), {
      verdict: 'limit_held',
      limit: { scope: 'key' },
    });
    t.equal(
      (await ledger.hold(testHold(account, randomUUID(), { cost: 50n }, { userId: bob }))).verdict,
      'ok',
    );
    t.match(await ledger.settle(testSettle(account, id, { cost: 45n })), {
      outcome: 'settled',
      limit: { used: 45n },
    });
    t.strictSame(await usageOf(account), {
      [`cost/month/user:${ann}`]: [45n, 0n],
      [`cost/month/key:${key}`]: [45n, 0n],
      [`cost/month/workspace:${room}`]: [45n, 0n],
      [`cost/month/user:${bob}`]: [0n, 50n],
    });
  });

  t.test('a user first seen after the limit came begins with what was used before', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 1_000n })]);
    const [done, running] = [randomUUID(), randomUUID()];
    for (const id of [done, running])
      await ledger.hold(testHold(account, id, { cost: 50n }, { userId: ann }));
    await ledger.settle(testSettle(account, done, { cost: 20n }));
    clock.advance(1);
    await ledger.setLimits({
      ...{ accountId: account, anchor: new Date(NOON), periodMonths: 1 },
      segments: [testSegment({ meter: 'cost', n: 100n, scope: 'user', scopeId: '*' })],
    });
    const answer = await ledger.hold(testHold(account, randomUUID(), { cost: 31n }, { userId: ann }));
    t.match(answer, { verdict: 'limit_held', limit: { scope: 'user', used: 20n, held: 50n, asked: 31n } });
  });
});

t.test('given replicas with a clock each, time does not run backwards for an account', async (t) => {
  const { pool } = await createTestDatabase(t);
  const ahead = createTestLedger(pool, createFakeClock('2026-11-21T00:00:01Z'));
  const behind = createLedger({ pool, now: () => new Date('2026-11-20T23:59:59Z') });
  const account = await ahead.open([testSegment({ meter: 'cost', n: 100n, window: 'day' })]);
  const id = randomUUID();
  t.match(await behind.hold(testHold(account, id, { cost: 10n })), {
    verdict: 'ok',
    limit: { resetsAt: new Date('2026-11-22T00:00:00Z') },
  });
  t.match(await behind.settle(testSettle(account, id, { cost: 7n })), {
    outcome: 'settled',
    limit: { used: 7n, held: 0n },
  });
  t.strictSame(await ahead.usageOf(account), { 'cost/day': [7n, 0n] });
});
