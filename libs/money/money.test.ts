import fc from 'fast-check';
import t from 'tap';
import {
  bpsOf,
  ceilDiv,
  divide,
  floorDiv,
  formatDecimal,
  formatUsd,
  minorToNano,
  nanoToMinor,
  parseDecimal,
  parseUsd,
  reaches,
  shareOf,
} from './money.ts';

const amount = fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n });
const positive = fc.bigInt({ min: 1n, max: 10n ** 18n });

t.test('amounts have one wire form', async (t) => {
  const cases: [bigint, string][] = [
    [0n, '0.000000000'],
    [1n, '0.000000001'],
    [-1n, '-0.000000001'],
    [314_250n, '0.000314250'],
    [29_000_000_000n, '29.000000000'],
    [-1_500_000_000n, '-1.500000000'],
  ];
  for (const [nano, text] of cases) {
    t.equal(formatUsd(nano), text);
    t.equal(parseUsd(text), nano);
  }
  fc.assert(fc.property(amount, (nano) => parseUsd(formatUsd(nano)) === nano));
});

t.test('shorter texts are read too', async (t) => {
  t.equal(parseUsd('2'), 2_000_000_000n);
  t.equal(parseUsd('0.5'), 500_000_000n);
  t.equal(parseUsd('-0.0'), 0n);
  t.equal(parseDecimal('0.80', 4), 8_000n);
  t.equal(formatDecimal(42n, 0), '42');
});

t.test('only plain decimals are accepted', async (t) => {
  const junk = [
    '',
    ' ',
    '.',
    '1.',
    '.5',
    '+1',
    '--1',
    '1e3',
    '0x10',
    '1,000',
    '1_000',
    ' 1',
    '1 ',
    '01',
    'NaN',
    '∞',
  ];
  for (const text of junk) t.throws(() => parseUsd(text), TypeError, JSON.stringify(text));
  t.throws(() => parseUsd('0.0000000001'), TypeError, 'ten decimals');
  t.throws(() => parseUsd('9'.repeat(41)), TypeError, 'too long');
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        return formatUsd(parseUsd(text)) !== '';
      } catch (error) {
        return error instanceof TypeError;
      }
    }),
  );
});

t.test('division rounds in the given direction', async (t) => {
  fc.assert(
    fc.property(amount, positive, (dividend, divisor) => {
      const down = floorDiv(dividend, divisor);
      const up = ceilDiv(dividend, divisor);
      const nearest = divide(dividend, divisor, 'half_up');
      const exact = dividend % divisor === 0n;
      const twiceError = 2n * (nearest * divisor - dividend);
      return (
        down * divisor <= dividend &&
        up * divisor >= dividend &&
        up - down === (exact ? 0n : 1n) &&
        twiceError <= divisor &&
        twiceError > -divisor
      );
    }),
  );
  t.equal(divide(5n, 2n, 'half_up'), 3n);
  t.equal(divide(-5n, 2n, 'half_up'), -2n);
  t.throws(() => ceilDiv(1n, 0n), RangeError);
  t.throws(() => floorDiv(1n, -1n), RangeError);
});

t.test('minor units', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (minor) => nanoToMinor(minorToNano(minor), 'up') === BigInt(minor)),
  );
  t.equal(nanoToMinor(10_000_001n, 'up'), 2n);
  t.equal(nanoToMinor(19_999_999n, 'down'), 1n);
  t.equal(nanoToMinor(15_000_000n, 'half_up'), 2n);
  t.throws(() => minorToNano(0.5), RangeError);
});

t.test('basis points', async (t) => {
  t.equal(shareOf(22_800n, 8_000, 'half_up'), 18_240n, '20 % off 12 × 19 USD');
  t.equal(bpsOf(800n, 5_000n), 1_600n);
  t.equal(bpsOf(9_999_999n, 10_000_000n), 9_999n, 'not yet 100 %');
  t.throws(() => bpsOf(1n, 0n), RangeError);
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 10n ** 18n }),
      positive,
      fc.nat(20_000),
      (part, whole, bps) => reaches(part, whole, bps) === part >= shareOf(whole, bps, 'up'),
    ),
  );
});
