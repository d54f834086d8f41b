import { randomUUID } from 'node:crypto';
import t from 'tap';
import { createTestDatabase } from '#libs/testing/database.ts';
import { createFakeClock } from '#libs/testing/runtime.ts';
import { createTestLedger, testHold, testSegment, testSettle } from './fixtures.ts';
import { createLedger, type Ledger } from './ledger.ts';
import type { StopKind } from './types.ts';

t.test('given emergency stops', async (t) => {
  const { pool } = await createTestDatabase(t);
  const { ledger, open, usageOf } = createTestLedger(pool, createFakeClock());
  const key = randomUUID();
  const set = (kind: StopKind, target: string) =>
    ledger.stop({ id: randomUUID(), kind, target, reason: 'spend', author: 'ops' });
  const ask = async (account: string, keyId: string | null, targets: string[]) => {
    const { verdict, stop } = await ledger.hold(
      testHold(account, randomUUID(), { cost: 1n }, { keyId, targets }),
    );
    return stop === null ? verdict : `${verdict} ${stop}`;
  };

  t.test('each kind stops what it names and nothing else', async (t) => {
    const [account, other] = [await open([testSegment({ meter: 'cost', n: 100n })]), await open([])];
    const [mini, large, claude] = [
      ['openai', 'openai/gpt-4o-mini'],
      ['openai', 'openai/gpt-4o'],
      ['anthropic', 'anthropic/claude'],
    ];
    const cases: [StopKind, string, string[]][] = [
      ['global', '', ['mini', 'large', 'claude', 'key', 'other']],
      ['provider', 'openai', ['mini', 'large', 'key', 'other']],
      ['model', 'openai/gpt-4o-mini', ['mini', 'key', 'other']],
      ['account', account, ['mini', 'large', 'claude', 'key']],
      ['key', key, ['key']],
    ];
    for (const [kind, target, expected] of cases) {
      const stop = await set(kind, target);
      const asked = {
        mini: ask(account, null, mini),
        large: ask(account, null, large),
        claude: ask(account, null, claude),
        key: ask(account, key, mini),
        other: ask(other, null, mini),
      };
      for (const [name, answer] of Object.entries(asked)) {
        const named = target === '' ? kind : `${kind}:${target}`;
        t.equal(await answer, expected.includes(name) ? `stopped ${named}` : 'ok', `${kind} and ${name}`);
      }
      t.match(await ledger.liftStop({ id: stop.id, author: 'ops' }), { liftedBy: 'ops' });
      t.equal(await ask(account, key, mini), 'ok', 'lifted');
    }
  });

  t.test('one stop of a kind and target is in force at a time', async (t) => {
    const [first, second] = await Promise.all([set('provider', 'xai'), set('provider', 'xai')]);
    t.equal(first.id, second.id);
    t.match(await ledger.stops(), [
      { id: first.id, kind: 'provider', target: 'xai', reason: 'spend', author: 'ops', liftedAt: null },
    ]);
    await ledger.liftStop({ id: first.id, author: 'me' });
    t.match(await ledger.liftStop({ id: first.id, author: 'you' }), { liftedBy: 'me' }, 'lifted once');
    t.equal(await ledger.liftStop({ id: randomUUID(), author: 'me' }), undefined);
    t.strictSame(await ledger.stops(), []);
    t.not((await set('provider', 'xai')).id, first.id);
    await Promise.all((await ledger.stops()).map(({ id }) => ledger.liftStop({ id, author: 'ops' })));
  });

  t.test('running requests may settle; repeating an old hold returns its verdict', async (t) => {
    const account = await open([testSegment({ meter: 'cost', n: 100n })]);
    const running = testHold(account, randomUUID(), { cost: 10n });
    await ledger.hold(running);
    const stop = await set('global', '');
    t.match(await ledger.hold(running), { verdict: 'ok', replayed: true });
    const refused = testHold(account, randomUUID(), { cost: 1n });
    t.match(await ledger.hold(refused), { verdict: 'stopped', replayed: false, stop: 'global' });
    t.match(await ledger.settle(testSettle(account, running.id, { cost: 9n })), { outcome: 'settled' });
    await ledger.liftStop({ id: stop.id, author: 'ops' });
    t.match(await ledger.hold(refused), { verdict: 'stopped', replayed: true, stop: 'global' });
    t.strictSame(await usageOf(account), { 'cost/month': [9n, 0n] });
  });
});

t.test('given replicas under load, no hold is admitted after the commit of a stop', async (t) => {
  const { pool } = await createTestDatabase(t, { max: 20 });
  const replicas = Array.from({ length: 4 }, () => createLedger({ pool, maxBatch: 16 }));
  const { open } = createTestLedger(pool, createFakeClock());
  const accounts = await Promise.all(
    Array.from({ length: 40 }, () => open([testSegment({ meter: 'cost', n: 10n ** 9n })])),
  );

  let running = true;
  let admitted = 0;
  let stopped = 0;
  /** The stop whose answer has arrived, until it is lifted. */
  let inForce: string | undefined;
  let admittedAgainst = 0;
  const load = Promise.all(
    Array.from({ length: 64 }, async (_, caller) => {
      for (let turn = caller; running; turn += 7) {
        const known = inForce;
        const replica = replicas[turn % replicas.length] as Ledger;
        const account = accounts[turn % accounts.length] as string;
        const { verdict } = await replica.hold(testHold(account, randomUUID(), { cost: 1n }));
        if (verdict === 'ok') admitted += 1;
        if (verdict === 'stopped') stopped += 1;
        if (known !== undefined && known === inForce && verdict !== 'stopped') admittedAgainst += 1;
      }
    }),
  );
  const until = async (isReached: () => boolean) => {
    while (!isReached()) await new Promise((resolve) => setImmediate(resolve));
  };
  /** The transaction that wrote the row of a stop last. */
  const transactionOf = async (id: string) =>
    (
      await pool.query<{ xid: bigint }>('SELECT xmin::text::bigint AS xid FROM ledger_stops WHERE id = $1', [
        id,
      ])
    ).rows[0]?.xid;

  const stops: { from: bigint | undefined; to: bigint | undefined }[] = [];
  for (let round = 1; round <= 3; round += 1) {
    await until(() => admitted >= 300 * round);
    const [first, second] = replicas as [Ledger, Ledger];
    const { id } = await first.stop({
      id: randomUUID(),
      kind: 'global',
      target: '',
      reason: 'test',
      author: 'test',
    });
    inForce = id;
    const from = await transactionOf(id);
    const at = stopped;
    await until(() => stopped >= at + 200);
    inForce = undefined;
    await second.liftStop({ id, author: 'test' });
    stops.push({ from, to: await transactionOf(id) });
  }
  running = false;
  await load;
  t.equal(admittedAgainst, 0, 'every hold after the response is refused, on every replica');

  // Not by the clock but by the transactions: a hold gets its number after it has passed the barrier, a stop gets its
  // own while it bars all holds. A hold between the two numbers would have been admitted against the stop.
  const { rows } = await pool.query<{ xid: bigint }>(
    `SELECT xmin::text::bigint AS xid FROM ledger_decisions WHERE verdict = 'ok'`,
  );
  t.equal(rows.length, admitted);
  for (const { from = 0n, to = 0n } of stops) {
    t.ok(from > 0n && to > from);
    t.strictSame(
      rows.filter(({ xid }) => xid > from && xid < to),
      [],
    );
    t.ok(rows.filter(({ xid }) => xid < from).length >= 300);
  }
});

t.test('a stop waits for the holds in flight', async (t) => {
  const { pool } = await createTestDatabase(t);
  const { ledger, open } = createTestLedger(pool, createFakeClock());
  const account = await open([testSegment({ meter: 'cost', n: 100n })]);
  const client = await pool.connect();
  const order: string[] = [];
  try {
    // A hold of another replica that has been decided and is not committed yet.
    await client.query('BEGIN');
    await client.query('LOCK TABLE ledger_stops IN ROW SHARE MODE');
    const stop = ledger
      .stop({ id: randomUUID(), kind: 'global', target: '', reason: 'test', author: 'test' })
      .then(() => order.push('stop'));
    const isWaiting = async () =>
      (await pool.query(`SELECT FROM pg_locks WHERE relation = 'ledger_stops'::regclass AND NOT granted`))
        .rowCount;
    while ((await isWaiting()) === 0);
    const hold = ledger
      .hold(testHold(account, randomUUID(), { cost: 1n }))
      .then(({ verdict }) => order.push(verdict));
    while ((await isWaiting()) !== 2);
    order.push('commit');
    await client.query('COMMIT');
    await Promise.all([stop, hold]);
  } finally {
    client.release();
  }
  t.strictSame(
    order,
    ['commit', 'stop', 'stopped'],
    'the hold in flight commits, then the stop, then the next hold is refused',
  );
});
