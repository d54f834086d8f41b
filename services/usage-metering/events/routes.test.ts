import fc from 'fast-check';
import t from 'tap';
import type { EventResult } from '#libs/contracts/events.ts';
import { testHold, testSegment } from '#libs/ledger/fixtures.ts';
import { findBreaches } from '#libs/ledger/invariants.ts';
import { checkEventDocumented } from '#libs/testing/webhook-events.ts';
import { ACCOUNT, type CallerName, createTestService, OTHER_ACCOUNT } from '../fixtures.ts';

type Event = { id: string; meter: string; amount: string; occurred_at?: string; corrects?: string };

const service = await createTestService(t);
const { ledger, pool, runtime } = service;
const { clock } = runtime;

const limits = [
  testSegment({ meter: 'images', window: 'day', n: 100n }),
  testSegment({ meter: 'images', window: 'month', n: 1_000n }),
  testSegment({ meter: 'cost', window: 'day', n: 1_000_000n }),
  testSegment({ meter: 'kb.files', window: 'total', n: 10n }),
];
for (const accountId of [ACCOUNT, OTHER_ACCOUNT])
  await ledger.setLimits({ accountId, anchor: clock.now(), periodMonths: 1, segments: limits });

const report = async (events: readonly unknown[], as: CallerName = 'key') =>
  (await service.call<{ results: EventResult[] }>('POST', '/api/events', { as, body: { events } })).body
    .results;

const outcomes = (results: readonly EventResult[]) =>
  results.map(({ status, error }) => error?.code ?? status);

/** What the windows of a meter have used, from the oldest. */
async function used(meter: string, window: string, accountId = ACCOUNT): Promise<[string, bigint][]> {
  const { rows } = await pool.query(
    `SELECT window_start::text AS start, used FROM ledger_counters
      WHERE account_id = $1 AND meter = $2 AND win = $3 ORDER BY window_start`,
    [accountId, meter, window],
  );
  return rows.map(({ start, used: amount }) => [start.slice(0, 10), amount]);
}

/** Opens the windows of the day, as any request does. */
const openDay = (accountId = ACCOUNT) => ledger.hold(testHold(accountId, runtime.newId(), {}));

await openDay();
await openDay(OTHER_ACCOUNT);

t.test('given events, then each counts once, and the others of its batch are not affected', async (t) => {
  const events = [
    { id: 'a', meter: 'images', amount: '5' },
    { id: 'a', meter: 'images', amount: '5' },
    { id: 'a', meter: 'images', amount: '6' },
    { id: 'b', meter: 'cost', amount: '700' },
    { id: 'c', meter: 'requests.parallel', amount: '1' },
    { id: 'd', meter: 'unheard', amount: '1' },
    { id: 'e', meter: 'images', amount: '-1' },
    { id: 'f', meter: 'images', amount: '1', occurred_at: '2026-11-20T12:05:01Z' },
    { id: 'g', meter: 'images', amount: '1', occurred_at: '2026-08-22T11:59:59Z' },
    { id: 'h', meter: 'images', amount: '1', occurred_at: '2026-11-20T14:04:00+02:00' },
    { id: 'i', meter: 'images', amount: '-2', corrects: 'a' },
    { id: 'j', meter: 'images', amount: '-4', corrects: 'a' },
    { id: 'k', meter: 'cost', amount: '-1', corrects: 'a' },
    { id: 'l', meter: 'images', amount: '-1', corrects: 'i' },
    { id: 'm', meter: 'images', amount: '-1', corrects: 'z' },
  ];
  const first = outcomes(await report(events));
  t.strictSame(first, [
    ...['recorded', 'repeated', 'id_reused', 'recorded', 'unknown_meter', 'unknown_meter', 'negative_amount'],
    ...[
      'in_future',
      'too_old',
      'recorded',
      'recorded',
      'exceeds_recorded',
      'not_correctable',
      'not_correctable',
    ],
    'unknown_event',
  ]);
  t.strictSame(await used('images', 'day'), [['2026-11-20', 4n]]);
  t.strictSame(await used('cost', 'day'), [['2026-11-20', 700n]]);
  t.strictSame(
    outcomes(await report(events)),
    first.map((outcome) => (outcome === 'recorded' ? 'repeated' : outcome)),
  );
  t.strictSame(await used('images', 'day'), [['2026-11-20', 4n]]);
  const { rows } = await pool.query(
    `SELECT provider, model, cost_nano_usd FROM usage_events WHERE account_id = $1 AND meters = '{cost}'`,
    [ACCOUNT],
  );
  t.strictSame(rows, [{ provider: 'external', model: 'cost', cost_nano_usd: 700n }]);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given late events and corrections, then they count when they happened', async (t) => {
  clock.advance(86_400_000);
  await openDay();
  clock.advance(86_400_000);
  await openDay();
  t.strictSame(
    outcomes(
      await report([
        { id: 'late', meter: 'images', amount: '95', occurred_at: '2026-11-21T08:00:00Z' },
        { id: 'undo-h', meter: 'images', amount: '-1', corrects: 'h' },
        { id: 'more-a', meter: 'images', amount: '2', corrects: 'a' },
        { id: 'now', meter: 'images', amount: '7' },
      ]),
    ),
    ['recorded', 'recorded', 'recorded', 'recorded'],
  );
  t.strictSame(await used('images', 'day'), [
    ['2026-11-20', 5n],
    ['2026-11-21', 95n],
    ['2026-11-22', 7n],
  ]);
  t.strictSame(await used('images', 'month'), [['2026-11-01', 107n]]);
  const { rows } = await pool.query(
    `SELECT threshold_bps, used FROM threshold_events WHERE account_id = $1 ORDER BY id`,
    [ACCOUNT],
  );
  t.strictSame(rows, [{ threshold_bps: 9_500, used: 95n }], 'the highest threshold of that day');
  t.strictSame(await findBreaches(pool), []);
});

t.test('given corrections, then webhooks learn of them', async (t) => {
  const { rows } = await pool.query(
    `SELECT payload FROM outbox_events WHERE type = 'usage.corrected' AND account_id = $1 ORDER BY id`,
    [ACCOUNT],
  );
  for (const { payload } of rows) checkEventDocumented('usage.corrected', payload);
  const [first, second, ...others] = rows.map(({ payload }) => payload);
  const occurred = '2026-11-20T12:00:00.000Z';
  t.strictSame(first, {
    source: 'event',
    corrections: [{ id: 'i', corrects: 'a', meter: 'images', amount: '-2', occurred_at: occurred }],
  });
  t.match(second.corrections, [
    { id: 'undo-h', corrects: 'h', amount: '-1', occurred_at: occurred },
    { id: 'more-a', corrects: 'a', amount: '2', occurred_at: occurred },
  ]);
  t.strictSame(others, [], 'repetitions and refusals are none');
});

t.test('given a meter that counts what exists, then events change its level', async (t) => {
  const level = async () => (await used('kb.files', 'total')).map(([, amount]) => amount);
  const change = async (...changes: [id: string, amount: string, more?: object][]) =>
    outcomes(await report(changes.map(([id, amount, more]) => ({ id, meter: 'kb.files', amount, ...more }))));
  t.strictSame(await change(['f1', '5'], ['f2', '-6'], ['f3', '-2'], ['f4', '-4'], ['f3', '-2']), [
    'recorded',
    'exceeds_recorded',
    'recorded',
    'exceeds_recorded',
    'repeated',
  ]);
  t.strictSame(await level(), [3n]);
  t.strictSame(
    await change(
      ['f5', '4', { occurred_at: '2026-11-01T08:00:00Z' }],
      ['f6', '-1', { corrects: 'f1' }],
      ['f7', '-7'],
    ),
    ['recorded', 'not_correctable', 'recorded'],
    'a late change counts now: what exists has no past',
  );
  t.strictSame(await level(), [0n]);

  const results = await Promise.all(
    Array.from({ length: 6 }, (_, index) => change([`up-${index}`, '2'], [`down-${index}`, '-3'])),
  );
  const changed = results.flatMap((some) => [2n, -3n].filter((_, index) => some[index] === 'recorded'));
  const expected = changed.reduce((sum, amount) => sum + amount, 0n);
  t.strictSame(await level(), [expected], 'also when batches compete');
  t.ok(expected >= 0n);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given concurrent batches with the same events, then every event counts once', async (t) => {
  const before = (await used('images', 'day', OTHER_ACCOUNT)).at(-1)?.[1] ?? 0n;
  const events = Array.from({ length: 40 }, (_, index) => ({
    id: `same-${index}`,
    meter: 'images',
    amount: String(index + 1),
  }));
  const batches = [events, events.toReversed(), events.slice(10, 30), events.slice(20)];
  const results = await Promise.all(batches.map((batch) => report(batch, 'otherOwner')));
  const all = results.flat();
  t.equal(all.length, 120);
  t.equal(all.filter(({ status }) => status === 'recorded').length, 40);
  t.ok(all.every(({ status }) => status !== 'refused'));
  t.equal((await used('images', 'day', OTHER_ACCOUNT)).at(-1)?.[1], before + 820n);

  const undo = Array.from({ length: 8 }, (_, index) => [
    { id: `undo-${index}`, meter: 'images', amount: '-15', corrects: 'same-39' },
  ]);
  const undone = await Promise.all(undo.map((batch) => report(batch, 'otherOwner')));
  t.strictSame(undone.flatMap(outcomes).sort(), [
    ...Array.from({ length: 6 }, () => 'exceeds_recorded'),
    'recorded',
    'recorded',
  ]);
  t.equal((await used('images', 'day', OTHER_ACCOUNT)).at(-1)?.[1], before + 790n);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given any batches of events, then the sums are those of a naive recomputation', async (t) => {
  const day = fc.integer({ min: 20, max: 22 });
  const event = fc.record({
    id: fc.integer({ min: 0, max: 25 }),
    meter: fc.constantFrom('images', 'cost'),
    amount: fc.integer({ min: -20, max: 20 }).filter((amount) => amount !== 0),
    day,
    corrects: fc.option(fc.integer({ min: 0, max: 25 }), { nil: undefined }),
  });
  let run = 0;
  const property = fc.asyncProperty(
    fc.array(fc.array(event, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
    async (batches) => {
      run += 1;
      const name = (id: number) => `p${run}-${id}`;
      const left = new Map<string, { meter: string; day: number; total: bigint }>();
      const sumsBefore = await dailySums();
      for (const batch of batches) {
        const events = batch.map(({ id, corrects, meter, amount, day }): Event => {
          const occurred = `2026-11-${day}T09:00:00Z`;
          const place = corrects === undefined ? { occurred_at: occurred } : { corrects: name(corrects) };
          return { id: name(id), meter, amount: String(amount), ...place };
        });
        for (const [index, { status }] of (await report(events)).entries()) {
          const { id, corrects, meter, amount, day } = batch[index] as (typeof batch)[number];
          if (status !== 'recorded') continue;
          const original = left.get(name(corrects ?? id));
          if (original === undefined) left.set(name(id), { meter, day, total: BigInt(amount) });
          else original.total += BigInt(amount);
        }
      }
      const expected = new Map(sumsBefore);
      for (const { meter, day, total } of left.values()) {
        if (total < 0n) return false;
        const key = `${meter} 2026-11-${day}`;
        expected.set(key, (expected.get(key) ?? 0n) + total);
      }
      const after = await dailySums();
      return [...expected].every(([key, sum]) => after.get(key) === sum);
    },
  );
  await fc.assert(property, { numRuns: 25 });
  t.strictSame(await findBreaches(pool), []);

  async function dailySums() {
    const sums = new Map<string, bigint>();
    for (const meter of ['images', 'cost'])
      for (const [start, sum] of await used(meter, 'day')) sums.set(`${meter} ${start}`, sum);
    return sums;
  }
});

t.test('given ids that are older than any event may be, then they are forgotten', async (t) => {
  const count = async () => (await pool.query('SELECT count(*)::int AS n FROM reported_events')).rows[0].n;
  const before = await count();
  await service.runTask('delete-old-events');
  t.equal(await count(), before);
  clock.advance(101 * 86_400_000);
  await service.runTask('delete-old-events');
  t.equal(await count(), 0);
  t.strictSame(await findBreaches(pool), []);
});

t.test('given callers and input that are refused', async (t) => {
  const body = { events: [{ id: 'x', meter: 'images', amount: '1' }] };
  t.match(await service.call('POST', '/api/events', { as: 'member', body }), {
    status: 403,
    body: { code: 'role_required', required_roles: ['owner', 'admin'] },
  });
  t.match(await service.call('POST', '/api/events', { body }), { status: 401 });
  const many = Array.from({ length: 501 }, (_, index) => ({ ...body.events[0], id: `${index}` }));
  for (const events of [
    [],
    many,
    [{ ...body.events[0], amount: 1 }],
    [{ ...body.events[0], amount: '0' }],
    [{ ...body.events[0], amount: '1.5' }],
    [{ ...body.events[0], id: 'with space' }],
    [{ ...body.events[0], occurred_at: 'yesterday' }],
    [{ ...body.events[0], colour: 'red' }],
  ])
    t.match(await service.call('POST', '/api/events', { as: 'key', body: { events } }), {
      status: 400,
      body: { code: 'invalid_request' },
    });
  const large = { events: [{ ...body.events[0], meter: 'x'.repeat(3_000_000) }] };
  t.match(await service.call('POST', '/api/events', { as: 'key', body: large }), { status: 413 });
});
