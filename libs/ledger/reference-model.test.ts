/** Random histories, run through the ledger and through the reference model: every answer and all balances agree. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { WINDOWS } from '#libs/catalogue/limit.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';
import { createReferenceModel, type ModelLimits } from './reference-model.ts';
import type { HoldRequest, LimitSegment, Meters, Scope, StopKind } from './types.ts';

const METERS = ['cost', 'tokens.total', 'calls.openai', 'images'] as const;
const START_MS = Date.UTC(2028, 0, 31, 22);
/**
 * Random histories per run. Of the one-line faults that this test can find (an early refusal, a wrong release, a lost
 * repeat, an ignored stop, windows that open without their past), each showed within 11 histories. For a long run set
 * LEDGER_HISTORIES, for example to 2000.
 */
const HISTORIES = Number(process.env.LEDGER_HISTORIES ?? 60);
/** Histories are random. Some runs need more of them until every verdict was given once. */
const MAX_RUNS = 20;
const VERDICTS = [
  'ok',
  'limit_held',
  'limit_exceeded',
  'limit_blocked',
  'meter_disabled',
  'stopped',
  'unknown_account',
];

const small = fc.nat({ max: 3 });
const meters = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...METERS), fc.integer({ min: 1, max: 20 })), {
    minLength: 1,
    selector: ([meter]) => meter,
  })
  .map((entries): Meters => Object.fromEntries(entries.map(([meter, n]) => [meter, BigInt(n)])));

const hold = fc.record({
  again: fc.option(small, { freq: 6 }),
  account: small,
  user: fc.option(small),
  key: fc.option(small),
  meters,
  ttlMinutes: fc.integer({ min: 1, max: 300 }),
  keepRefusal: fc.boolean(),
});
const settle = fc.record({
  hold: fc.nat({ max: 30 }),
  call: fc.option(fc.nat({ max: 2 }), { freq: 4 }),
  close: fc.boolean(),
  meters,
});
const limit = fc.record({
  meter: fc.constantFrom(...METERS),
  window: fc.constantFrom(...WINDOWS),
  scope: fc.constantFrom<Scope[]>('account', 'account', 'user', 'key'),
  own: fc.option(small),
  n: fc.option(fc.integer({ min: 0, max: 120 }), { freq: 8 }),
  isDisabled: fc.nat({ max: 9 }).map((n) => n === 0),
  isOverage: fc.nat({ max: 9 }).map((n) => n === 0),
  untilHours: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 3 }),
});
const limits = fc.record({
  account: small,
  anchorDay: fc.constantFrom(1, 15, 30, 31),
  periodMonths: fc.constantFrom(1, 12),
  limits: fc.array(limit, { maxLength: 6 }),
});

type Step =
  | { do: 'holds'; items: (typeof hold extends fc.Arbitrary<infer T> ? T : never)[] }
  | { do: 'settles'; items: (typeof settle extends fc.Arbitrary<infer T> ? T : never)[] }
  | { do: 'limits'; change: typeof limits extends fc.Arbitrary<infer T> ? T : never }
  | { do: 'stop'; kind: StopKind; account: number }
  | { do: 'lift' }
  | { do: 'wait'; minutes: number }
  | { do: 'extend'; hold: number; minutes: number }
  | { do: 'expire' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('holds' as const),
      items: fc.array(hold, { minLength: 1, maxLength: 12 }),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('settles' as const),
      items: fc.array(settle, { minLength: 1, maxLength: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('limits' as const), change: limits }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('stop' as const),
      kind: fc.constantFrom<StopKind[]>('account', 'key', 'model', 'global'),
      account: small,
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'lift' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('extend' as const),
      hold: fc.nat({ max: 30 }),
      minutes: fc.integer({ min: 1, max: 900 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'expire' as const }) },
);

const stringify = (value: unknown) =>
  JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? `${item}n` : item));

/** Segments of one key must not overlap: the first of each is kept, and followed by nothing where it ends. */
function toSegments(
  change: { limits: { meter: string }[] } & Record<string, unknown>,
  now: Date,
  users: string[],
): LimitSegment[] {
  const seen = new Set<string>();
  const segments: LimitSegment[] = [];
  for (const item of change.limits as (typeof limit extends fc.Arbitrary<infer T> ? T : never)[]) {
    const scopeId = item.scope === 'account' ? '' : item.own === null ? '*' : (users[item.own] as string);
    const key = [item.scope, scopeId, item.meter, item.window].join();
    if (seen.has(key)) continue;
    seen.add(key);
    const amount = item.isDisabled
      ? ({ kind: 'disabled' } as const)
      : item.n === null
        ? ({ kind: 'unlimited' } as const)
        : ({ kind: 'n', n: BigInt(item.n) } as const);
    const validUntil =
      item.untilHours === null ? null : new Date(now.getTime() + item.untilHours * 3_600_000);
    segments.push(
      testSegment({
        meter: item.meter,
        window: item.window,
        scope: item.scope,
        scopeId,
        amount,
        validUntil,
        onLimit: item.isOverage ? 'overage' : 'deny',
        thresholdBps: [3000, 4000, 5000, 10_000],
      }),
    );
    // Something else takes over at the moment the first ends.
    if (validUntil !== null && item.own !== 1)
      segments.push(
        testSegment({
          meter: item.meter,
          window: item.window,
          scope: item.scope,
          scopeId,
          n: 50n,
          validFrom: validUntil,
        }),
      );
  }
  return segments;
}

t.setTimeout(170_000);

t.test("given a member's own limit that has ended, the limit of every member holds again", async (t) => {
  const { pool } = await createTestDatabase(t);
  let nowMs = START_MS;
  const ledger = createLedger({ pool, now: () => new Date(nowMs) });
  const model = createReferenceModel();
  const accountId = randomUUID();
  const userId = randomUUID();
  const of = { meter: 'cost', window: 'total', scope: 'user' } as const;
  const limits = {
    anchor: new Date(START_MS),
    periodMonths: 1,
    segments: [
      testSegment({ ...of, scopeId: '*', n: 10n }),
      testSegment({ ...of, scopeId: userId, n: 100n, validUntil: new Date(START_MS + 3_600_000) }),
    ],
  };
  await ledger.setLimits({ accountId, ...limits });
  model.accounts.set(accountId, limits);
  for (const verdict of ['ok', 'limit_exceeded']) {
    const request = testHold(accountId, randomUUID(), { cost: 20n }, { userId });
    t.match(await ledger.hold(request), { verdict });
    t.match(model.hold(request, new Date(nowMs)), { verdict });
    nowMs += 7_200_000;
  }
});

t.test(
  'given random histories, the ledger answers as the model does and its balances add up',
  { timeout: 170_000 },
  async (t) => {
    const { pool } = await createTestDatabase(t);
    let operations = 0;
    let admitted = 0;
    const verdicts = new Map<string, number>();

    async function run(steps: Step[], maxBatch: number, writers: number): Promise<void> {
      let nowMs = START_MS;
      const now = () => new Date(nowMs);
      const ledger = createLedger({ pool, now, maxBatch, writers });
      const model = createReferenceModel();
      const accounts = Array.from({ length: 4 }, randomUUID);
      const members = Array.from({ length: 4 }, randomUUID);
      const issued: HoldRequest[] = [];
      const same = (actual: unknown, expected: unknown, what: unknown) => {
        operations += 1;
        if (stringify(actual) !== stringify(expected))
          throw new Error(`${stringify(actual)} instead of ${stringify(expected)} for ${String(what)}`);
      };

      async function setLimits(accountId: string, change: ModelLimits) {
        await ledger.setLimits({ accountId, ...change });
        model.accounts.set(accountId, change);
      }
      // The last account has no balances until its limits are set.
      for (const accountId of accounts.slice(0, 3))
        await setLimits(accountId, {
          anchor: new Date(Date.UTC(2027, 11, 31)),
          periodMonths: 1,
          segments: [
            testSegment({ meter: 'cost', n: 100n }),
            testSegment({ meter: 'images', n: 40n, window: 'day' }),
          ],
        });

      try {
        for (const each of steps) {
          if (each.do === 'wait') nowMs += each.minutes * 60_000;
          if (each.do === 'limits') {
            const { account, anchorDay, periodMonths } = each.change;
            const anchor = new Date(Date.UTC(2027, 9, anchorDay, 7));
            await setLimits(accounts[account] as string, {
              anchor,
              periodMonths,
              segments: toSegments(each.change, now(), members),
            });
          }
          if (each.do === 'stop') {
            const target = {
              account: accounts[each.account],
              key: members[each.account],
              model: 'openai/gpt-4o-mini',
              global: '',
              provider: '',
            }[each.kind] as string;
            const stop = await ledger.stop({
              id: randomUUID(),
              kind: each.kind,
              target,
              reason: 'test',
              author: 'test',
            });
            model.stops.set(stop.id, stop);
          }
          if (each.do === 'lift') {
            for (const id of [...model.stops.keys()]) await ledger.liftStop({ id, author: 'test' });
            model.stops.clear();
          }
          if (each.do === 'extend') {
            const { id, accountId } = issued.at(-1 - each.hold) ?? {};
            if (id === undefined || accountId === undefined) continue;
            const ttlMs = each.minutes * 60_000;
            const expiresAt = await ledger.extend({ holdId: id, accountId, ttlMs });
            same(expiresAt, model.extend(id, ttlMs, now()), 'extend');
          }
          if (each.do === 'expire') {
            const ids = (await ledger.expire(10_000)).map(({ id }) => id);
            same(ids.filter((id) => model.holds.has(id)).sort(), model.expire(now()), 'expire');
          }
          if (each.do === 'holds') {
            const requests: HoldRequest[] = [];
            for (const item of each.items) {
              const known = item.again === null ? undefined : issued.at(-1 - item.again);
              // A refusal that leaves no trace is decided anew, in a place that depends on the size of batches.
              if (known !== undefined && (known.keepRefusal || !requests.includes(known))) {
                requests.push(known);
                continue;
              }
              const request = testHold(accounts[item.account] as string, randomUUID(), item.meters, {
                userId: item.user === null ? null : (members[item.user] as string),
                keyId: item.key === null ? null : (members[item.key] as string),
                ttlMs: item.ttlMinutes * 60_000,
                keepRefusal: item.keepRefusal,
              });
              issued.push(request);
              requests.push(request);
            }
            const answers = await Promise.all(requests.map((request) => ledger.hold(request)));
            // Repeats of an id wait for the batch after; across accounts the order does not matter.
            const order = new Set<string>();
            const later = requests.map(({ id }) => order.size === order.add(id).size);
            for (const isLater of [false, true]) {
              for (const [index, request] of requests.entries()) {
                if (later[index] !== isLater) continue;
                const { verdict, replayed, limit } = answers[index] as (typeof answers)[number];
                if (limit?.kind === 'n' && !replayed) {
                  const decisive = model
                    .limitsFor(request, now())
                    .find(
                      (one) =>
                        one.meter === limit.meter && one.window === limit.window && one.scope === limit.scope,
                    );
                  const { used, held } = limit;
                  same(
                    { used, held },
                    decisive && model.totals(decisive, request, now()),
                    'the decisive limit',
                  );
                }
                const expected = model.hold(request, now());
                same(
                  { verdict, replayed },
                  expected,
                  `hold of ${JSON.stringify(Object.keys(request.meters))}`,
                );
                verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
                if (verdict === 'ok' && !replayed) admitted += 1;
              }
            }
          }
          if (each.do === 'settles') {
            const chosen = each.items.flatMap((item) => {
              const request = issued.at(-1 - item.hold);
              return request === undefined ? [] : [{ item, request }];
            });
            const answers = await Promise.all(
              chosen.map(({ item, request: { id, accountId } }) =>
                item.call === null
                  ? ledger.close({ holdId: id, accountId })
                  : ledger.settle(
                      testSettle(accountId, id, item.meters, { callIndex: item.call, close: item.close }),
                    ),
              ),
            );
            // One hold at most once in a batch: the n-th operation of a hold goes with the n-th batch.
            const turn = new Map<string, number>();
            const turns = chosen.map(({ request: { id } }) => {
              turn.set(id, (turn.get(id) ?? 0) + 1);
              return turn.get(id) as number;
            });
            for (const index of chosen
              .map((_, i) => i)
              .sort((a, b) => (turns[a] as number) - (turns[b] as number))) {
              const { item, request } = chosen[index] as (typeof chosen)[number];
              const expected = model.settle({
                holdId: request.id,
                accountId: request.accountId,
                callIndex: item.call,
                meters: item.call === null ? {} : item.meters,
                close: item.call === null || item.close,
              });
              const { outcome, late, overrun } = answers[index] as (typeof answers)[number];
              same({ outcome, late, overrun }, expected, `settle ${item.call}`);
            }
          }
        }
      } finally {
        for (const id of model.stops.keys()) await ledger.liftStop({ id, author: 'test' });
      }
      const breaches = await findBreaches(pool, accounts);
      if (breaches.length > 0) throw new Error(breaches.join('\n'));
    }

    const missing = () => VERDICTS.filter((verdict) => !verdicts.has(verdict));
    for (let runs = 0; runs === 0 || (runs < MAX_RUNS && missing().length > 0); runs += 1) {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
          fc.integer({ min: 1, max: 12 }),
          fc.constantFrom(1, 2),
          run,
        ),
        { numRuns: HISTORIES },
      );
    }
    t.comment(`${operations} operations, ${admitted} admitted`, Object.fromEntries(verdicts));
    t.ok(operations > 1_000, 'thousands of operations were compared');
    t.strictSame(missing(), [], 'every verdict was given');
  },
);
