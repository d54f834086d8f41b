/** Random histories, decided in memory and by the reference model: every answer and all amounts agree. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { limitState } from '#libs/catalogue/thresholds.ts';
import { type Balance, type Counter, decideHold, decideSettle, type HoldState, stateOf } from './decide.ts';
import { testHold, testSegment } from './fixtures.ts';
import { createReferenceModel } from './reference-model.ts';
import type { HoldRequest, LimitSegment, Meters, Scope } from './types.ts';

const NOW = new Date('2026-11-27T12:00:00Z');
const NOW_MICROS = NOW.getTime() * 1_000;
const ACCOUNT = 'account';
const METERS = ['cost', 'tokens.total', 'images'] as const;
const BPS = [3000, 4000, 5000, 9800] as const;
/** A history takes a tenth of a millisecond per step. For a long run set DECIDE_HISTORIES. */
const HISTORIES = Number(process.env.DECIDE_HISTORIES ?? 5_000);

const member = fc.option(fc.constantFrom('one', 'other'));
const meters = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...METERS), fc.integer({ min: 1, max: 20 })), {
    minLength: 1,
    selector: ([meter]) => meter,
  })
  .map((entries): Meters => Object.fromEntries(entries.map(([meter, n]) => [meter, BigInt(n)])));
const limits = fc.uniqueArray(
  fc.record({
    meter: fc.constantFrom(...METERS),
    scope: fc.constantFrom<Scope[]>('account', 'account', 'user', 'key'),
    n: fc.option(fc.integer({ min: 0, max: 120 }), { freq: 8 }),
    isDisabled: fc.nat({ max: 9 }).map((n) => n === 0),
    isOverage: fc.nat({ max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 6, selector: ({ meter, scope }) => `${scope} ${meter}` },
);
type Step =
  | { do: 'hold'; meters: Meters; user: string | null; key: string | null; keepRefusal: boolean }
  | { do: 'settle'; hold: number; call: number | null; close: boolean; meters: Meters };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('hold' as const),
    meters,
    user: member,
    key: member,
    keepRefusal: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('settle' as const),
    hold: fc.nat({ max: 12 }),
    call: fc.option(fc.nat({ max: 2 }), { freq: 4 }),
    close: fc.boolean(),
    meters,
  }),
);

const atLeast = (n: bigint, bps: number) => (n * BigInt(bps) + 9_999n) / 10_000n;

function toCounter(limit: LimitSegment, id: bigint): Counter {
  const { meter, scope, scopeId, onLimit, source, blocks, thresholdBps } = limit;
  const amount = limit.amount.kind === 'n' ? limit.amount.n : null;
  return {
    ...{
      id,
      meter,
      scope,
      scopeId,
      onLimit,
      source,
      amount,
      kind: limit.amount.kind,
      window: 'total' as const,
    },
    blockAt: blocks && amount !== null ? atLeast(amount, thresholdBps[2]) : null,
    thresholds: amount === null ? [] : thresholdBps.map((bps) => ({ at: atLeast(amount, bps), bps })),
    windowEnd: Number.POSITIVE_INFINITY,
  };
}

/** The balances of one account in memory, as the database would keep them. */
function createBalances(segments: readonly LimitSegment[]) {
  const balances = new Map<string, Balance & { scope: Scope; id: string }>();
  const balanceOf = (scope: Scope, id: string) => {
    const key = `${scope} ${id}`;
    const known = balances.get(key);
    if (known !== undefined) return known;
    const counters = segments
      .filter((each) => each.scope === scope)
      .map((each, n) => toCounter(each, BigInt(n)));
    const zeros = () => counters.map(() => 0n);
    const balance = { scope, id, counters, used: zeros(), held: zeros(), since: Number.NEGATIVE_INFINITY };
    balances.set(key, balance);
    return balance;
  };
  return {
    all: balances,
    of: ({ userId, keyId }: HoldRequest) => [
      balanceOf('account', ''),
      ...(userId === null ? [] : [balanceOf('user', userId)]),
      ...(keyId === null ? [] : [balanceOf('key', keyId)]),
    ],
  };
}

t.test('given random histories, decisions in memory are those of the model', (t) => {
  const verdicts = new Map<string, number>();
  const outcomes = new Map<string, number>();
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);

  function run(given: typeof limits extends fc.Arbitrary<infer T> ? T : never, steps: readonly Step[]): void {
    const segments = given.map(({ meter, scope, n, isDisabled, isOverage }) =>
      testSegment({
        ...{ meter, scope, scopeId: scope === 'account' ? '' : '*', window: 'total', thresholdBps: BPS },
        amount: isDisabled
          ? { kind: 'disabled' }
          : n === null
            ? { kind: 'unlimited' }
            : { kind: 'n', n: BigInt(n) },
        onLimit: isOverage ? 'overage' : 'deny',
      }),
    );
    const model = createReferenceModel();
    model.accounts.set(ACCOUNT, { anchor: NOW, periodMonths: 1, segments });
    const balances = createBalances(segments);
    const requests: HoldRequest[] = [];
    const holds = new Map<string, HoldState>();
    const reached = new Map<Counter, number>();

    function hold(each: Step & { do: 'hold' }): void {
      const { user: userId, key: keyId, keepRefusal } = each;
      const request = testHold(ACCOUNT, String(requests.length), each.meters, { userId, keyId, keepRefusal });
      requests.push(request);
      const decision = decideHold(request, balances.of(request), NOW_MICROS);
      const expected = model.hold(request, NOW);
      assert.equal(decision.verdict, expected.verdict);
      assert.equal(decision.isStored, model.holds.has(request.id), 'stored');
      count(verdicts, decision.verdict);
      if (decision.verdict === 'ok')
        holds.set(request.id, {
          isOpen: true,
          meters: Object.keys(each.meters),
          remaining: Object.values(each.meters),
          settledCalls: [],
        });
    }

    function settle({ hold: back, call: callIndex, close, meters }: Step & { do: 'settle' }): void {
      const request = requests.at(-1 - back);
      const state = request && holds.get(request.id);
      if (request === undefined || state === undefined) return;
      const booking =
        callIndex === null ? { callIndex, meters: {}, close: true } : { callIndex, meters, close };
      const refs = balances
        .of(request)
        .flatMap((balance) => balance.counters.map((_, index) => ({ balance, index })));
      const decision = decideSettle(booking, state, refs);
      const expected = model.settle({ holdId: request.id, accountId: ACCOUNT, ...booking });
      const { outcome, late, overrun } = decision;
      assert.deepEqual({ outcome, late, overrun }, expected);
      count(outcomes, `${outcome}${late ? ' late' : ''}${overrun ? ' overrun' : ''}`);
      for (const { counter, bps } of decision.crossings) {
        if (bps <= (reached.get(counter) ?? 0)) assert.fail('a threshold was crossed twice');
        reached.set(counter, bps);
      }
      if (outcome === 'repeated') return;
      holds.set(request.id, {
        ...state,
        isOpen: decision.isOpen,
        remaining: decision.isOpen ? decision.left : [],
        settledCalls: callIndex === null ? state.settledCalls : [...state.settledCalls, callIndex],
      });
    }

    for (const each of steps) {
      if (each.do === 'hold') hold(each);
      else settle(each);
    }
    for (const { scope, id, counters, used, held } of balances.all.values()) {
      const caller = testHold(
        ACCOUNT,
        '',
        {},
        { userId: scope === 'user' ? id : null, keyId: scope === 'key' ? id : null },
      );
      for (const [index, counter] of counters.entries()) {
        const limit = segments.find(
          (one) => one.scope === scope && one.meter === counter.meter,
        ) as LimitSegment;
        assert.deepEqual({ used: used[index], held: held[index] }, model.totals(limit, caller, NOW));
        const highest = counter.thresholds.findLast(({ at }) => at > 0n && at <= (used[index] as bigint));
        assert.equal(reached.get(counter), highest?.bps, 'the highest threshold has its event');
      }
    }
  }

  fc.assert(fc.property(limits, fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), run), {
    numRuns: HISTORIES,
    endOnFailure: true,
  });
  const expected = ['ok', 'limit_held', 'limit_blocked', 'limit_exceeded', 'meter_disabled'];
  t.strictSame([...verdicts.keys()].sort(), expected.sort(), 'every verdict was given');
  const all = ['closed', 'repeated', 'settled', 'settled late', 'settled overrun'];
  t.strictSame([...outcomes.keys()].sort(), all, 'every outcome was seen');
  t.comment(Object.fromEntries(verdicts), Object.fromEntries(outcomes));
  t.end();
});

t.test('given any amount and thresholds, the state counts the thresholds that are reached', (t) => {
  const bps = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(bps, fc.bigInt(0n, 1_000n), fc.bigInt(0n, 1_100n), (shares, n, used) => {
      const [warnBps, noticeBps, blockBps, hardBps] = shares.sort((a, b) => a - b) as [
        number,
        number,
        number,
        number,
      ];
      const thresholdBps = [warnBps, noticeBps, blockBps, hardBps] as const;
      const counter = toCounter(testSegment({ meter: 'cost', n, thresholdBps }), 1n);
      const states = ['ok', 'warning', 'notice', 'blocked', 'exhausted'] as const;
      const reached = thresholdBps.filter((share) => used * 10_000n >= n * BigInt(share)).length;
      const expected = used >= n ? 'exhausted' : states[reached];
      assert.equal(stateOf(counter, used), expected);
      assert.equal(limitState(used, n, { warnBps, noticeBps, blockBps, hardBps }), expected);
    }),
    { numRuns: 2_000 },
  );
  t.end();
});
