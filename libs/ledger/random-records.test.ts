/**
 * Random histories with what the reference model leaves out: amounts recorded without a hold, reads that open windows,
 * workspaces, and replicas whose clocks differ by minutes. Afterwards the balances are the sums of their rows.
 */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { WINDOWS } from '#libs/catalogue/limit.ts';
import { createTestDatabase } from '#libs/testing/database.ts';
import { testHold, testSegment, testSettle } from './fixtures.ts';
import { findBreaches } from './invariants.ts';
import { createLedger } from './ledger.ts';
import { recordWithin } from './quota-resources.ts';
import { readLimits } from './read-limits.ts';
import type { HoldRequest, LimitSegment } from './types.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2028, 0, 30, 20);
/** For a long run set LEDGER_HISTORIES, for example to 2000. */
const HISTORIES = Number(process.env.LEDGER_HISTORIES ?? 60);

const two = fc.nat({ max: 1 });
const meter = fc.constantFrom('cost', 'images', 'kb.files');
const owner = fc.record({
  account: two,
  user: fc.option(two),
  key: fc.option(two),
  workspace: fc.option(two),
});
const amount = fc.integer({ min: 0, max: 12 });

const limit = fc.record({
  scope: fc.constantFrom(...(['account', 'account', 'user', 'key', 'workspace'] as const)),
  own: fc.option(two),
  meter,
  window: fc.constantFrom(...WINDOWS),
  n: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 4 }),
  untilHours: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 2 }),
  gapHours: fc.option(fc.nat({ max: 1 })),
});
const limits = fc.record({
  do: fc.constant('limits' as const),
  account: two,
  month: fc.nat({ max: 11 }),
  day: fc.constantFrom(1, 15, 28, 31),
  periodMonths: fc.constantFrom(1, 12),
  limits: fc.array(limit, { maxLength: 6 }),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      owner,
      meters: fc.array(fc.tuple(meter, fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 2 }),
      ttlMinutes: fc.integer({ min: 1, max: 2_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      hold: fc.nat(),
      amount,
      other: fc.boolean(),
      call: fc.nat({ max: 2 }),
      close: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  { weight: 1, arbitrary: limits },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), owner }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      owner,
      amount: fc.constantFrom(1n, -1n),
      under: fc.option(fc.nat()),
    }),
  },
);
/** A step, and how many minutes the clock of its replica is off. */
const history = fc.array(fc.tuple(step, fc.constantFrom(0, 0, 0, -3, 3)), {
  minLength: 10,
  maxLength: 80,
  size: 'max',
});

t.test('given random histories with records, reads and differing clocks, the balances add up', async (t) => {
  const { pool } = await createTestDatabase(t);
  const ids = [randomUUID(), randomUUID()] as const;

  function toSegments(
    items: readonly (typeof limit extends fc.Arbitrary<infer T> ? T : never)[],
    now: number,
  ) {
    const segments: LimitSegment[] = [];
    const seen = new Set<string>();
    for (const { scope, own, meter, window, n, untilHours, gapHours } of items) {
      const scopeId = scope === 'account' ? '' : own === null ? '*' : (ids[own] as string);
      const key = [scope, scopeId, meter, window].join();
      if (seen.has(key)) continue;
      seen.add(key);
      const base = { scope, scopeId, meter, window };
      const validUntil = untilHours === null ? null : new Date(now + untilHours * HOUR_MS);
      segments.push(testSegment({ ...base, ...(n !== null && { n: BigInt(n) }), validUntil }));
      if (validUntil !== null && gapHours !== null)
        segments.push(
          testSegment({ ...base, n: 20n, validFrom: new Date(validUntil.getTime() + gapHours * HOUR_MS) }),
        );
    }
    return segments;
  }

  async function run(steps: typeof history extends fc.Arbitrary<infer T> ? T : never, maxBatch: number) {
    const accounts = [randomUUID(), randomUUID()] as const;
    const idsOf = ({
      account,
      user,
      key,
      workspace,
    }: typeof owner extends fc.Arbitrary<infer T> ? T : never) => ({
      accountId: accounts[account] as string,
      userId: user === null ? null : (ids[user] as string),
      keyId: key === null ? null : (ids[key] as string),
      workspaceId: workspace === null ? null : (ids[workspace] as string),
    });
    const holds: HoldRequest[] = [];
    let nowMs = START_MS;
    for (const [each, minutesOff] of steps) {
      const now = new Date(nowMs + minutesOff * 60_000);
      const ledger = createLedger({ pool, now: () => now, maxBatch });
      if (each.do === 'wait') nowMs += each.hours * HOUR_MS;
      if (each.do === 'expire') await ledger.expire(100);
      if (each.do === 'read') await readLimits({ $client: pool }, now, idsOf(each.owner));
      if (each.do === 'limits')
        await ledger.setLimits({
          accountId: accounts[each.account] as string,
          anchor: new Date(Date.UTC(2027, each.month, each.day, 7)),
          periodMonths: each.periodMonths,
          segments: toSegments(each.limits, nowMs),
        });
      if (each.do === 'hold') {
        const { accountId, ...who } = idsOf(each.owner);
        const meters = Object.fromEntries(each.meters.map(([name, n]) => [name, BigInt(n)]));
        const request = testHold(accountId, randomUUID(), meters, {
          ...who,
          ttlMs: each.ttlMinutes * 60_000,
        });
        if ((await ledger.hold(request)).verdict === 'ok') holds.push(request);
      }
      if (each.do === 'settle' && holds.length > 0) {
        const request = holds[each.hold % holds.length] as HoldRequest;
        const meters = Object.fromEntries(
          Object.keys(request.meters).map((name) => [name, BigInt(each.amount)]),
        );
        if (each.other) meters.images = 3n;
        const { call: callIndex, close } = each;
        await ledger.settle(testSettle(request.accountId, request.id, meters, { callIndex, close }));
      }
      if (each.do === 'record') {
        const under = each.under === null ? undefined : holds[each.under % Math.max(holds.length, 1)];
        const [meter = 'kb.files'] = Object.keys(under?.meters ?? {});
        await recordWithin({ $client: pool }, now, {
          id: randomUUID(),
          owner: under ?? idsOf(each.owner),
          meter,
          amount: each.amount,
          step: 'test',
          ...(under && { under: under.id }),
        });
      }
    }
    const breaches = await findBreaches(pool, accounts);
    if (breaches.length > 0) throw new Error(breaches.join('\n'));
  }

  await fc.assert(fc.asyncProperty(history, fc.integer({ min: 1, max: 8 }), run), { numRuns: HISTORIES });
});
