import fc from 'fast-check';
import t from 'tap';
import { testEntitlements } from '#libs/catalogue/fixtures.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import type { HoldAnswer, LimitView, Verdict } from '#libs/ledger/types.ts';
import { fits, type Headroom, headroomsOf, isTooLarge, largestFittingScale } from './fit.ts';

const CAP = 4096;
const SMALLEST = 16 / CAP;
const outputTokens = (scale: number) => Math.max(16, Math.floor(CAP * scale));

/** Meters of a request with so many output tokens at a price. */
const amountsOf = (input: number, picoPerToken: bigint, tokens: number) => ({
  cost: (BigInt(input + tokens) * picoPerToken + 999n) / 1000n,
  'tokens.total': BigInt(input + tokens),
});

const input = fc.nat({ max: 5_000 });
const pico = fc.bigInt({ min: 1n, max: 60_000n });
const headroom = fc.bigInt({ min: -100n, max: 100_000n });

t.test('a fitted request respects every limit', async (t) => {
  const property = fc.property(input, pico, headroom, headroom, (inputTokens, picoPerToken, cost, tokens) => {
    const headrooms: Headroom[] = [
      { meter: 'cost', amount: cost },
      { meter: 'tokens.total', amount: tokens },
      { meter: 'tokens.total', amount: tokens + 7n },
      { meter: 'images', amount: 0n },
    ];
    const fitsAt = (scale: number) =>
      fits(amountsOf(inputTokens, picoPerToken, outputTokens(scale)), headrooms);
    const scale = largestFittingScale(SMALLEST, fitsAt);
    return fitsAt(scale) || (scale === SMALLEST && !fitsAt(SMALLEST));
  });
  t.doesNotThrow(() => fc.assert(property));
});

t.test('with one binding limit the output is maximal to one token', async (t) => {
  const property = fc.property(input, pico, headroom, (inputTokens, picoPerToken, cost) => {
    const headrooms: Headroom[] = [{ meter: 'cost', amount: cost }];
    const fitsWith = (tokens: number) => fits(amountsOf(inputTokens, picoPerToken, tokens), headrooms);
    const tokens = outputTokens(largestFittingScale(SMALLEST, (scale) => fitsWith(outputTokens(scale))));
    return tokens === CAP || !fitsWith(tokens + 1);
  });
  t.doesNotThrow(() => fc.assert(property));
});

const limit = (more: Partial<LimitUsage> = {}): LimitUsage => ({
  meter: 'cost',
  window: 'month',
  scope: 'account',
  scopeId: '',
  kind: 'n',
  amount: 100n,
  used: 30n,
  held: 20n,
  state: 'ok',
  windowStart: null,
  resetsAt: null,
  source: 'plan:test',
  ...more,
});

t.test('headroom is what is neither used nor held; only limits that refuse count', async (t) => {
  const { limits } = testEntitlements({
    limits: [
      { meter: 'cost', window: 'month', amount: '1.00 USD' },
      { meter: 'audio.seconds', window: 'month', amount: 60, onLimit: 'overage', overagePrice: '0.001 USD' },
    ],
  });
  t.strictSame(
    headroomsOf(
      [
        limit(),
        limit({ scope: 'key', scopeId: 'k', amount: 60n }),
        limit({ meter: 'audio.seconds' }),
        limit({ meter: 'images', kind: 'unlimited', amount: null }),
      ],
      limits,
    ),
    [
      { meter: 'cost', amount: 50n },
      { meter: 'cost', amount: 10n },
    ],
  );
});

t.test('only a refusal for size with headroom left is worth a second hold', async (t) => {
  const answer = (verdict: Verdict, more: Partial<LimitView> = {}, replayed = false): HoldAnswer => ({
    verdict,
    replayed,
    expiresAt: new Date(0),
    msLeft: 60_000,
    stop: null,
    limit: { ...limit(), asked: 60n, ...more },
  });
  t.equal(isTooLarge(answer('limit_exceeded')), true);
  t.equal(isTooLarge(answer('limit_held')), true);
  t.equal(isTooLarge(answer('limit_held', { held: 70n })), false, 'without headroom');
  t.equal(isTooLarge(answer('limit_exceeded', {}, true)), false, 'a recorded refusal stands');
  t.equal(isTooLarge({ ...answer('limit_exceeded'), limit: null }), false);
  for (const verdict of ['ok', 'limit_blocked', 'meter_disabled', 'stopped', 'unknown_account'] as const) {
    t.equal(isTooLarge(answer(verdict)), false, verdict);
  }
});
