import fc from 'fast-check';
import t from 'tap';
import { formatDecimal } from '#libs/money/money.ts';
import { milestonesReached, payableMinor, progressPercent } from './domain.ts';

const GOAL = { baseline: '0', target: '100' };

t.test('the fee at the borders of the table, exactly', async (t) => {
  // The half cent of 25 % and 75 % of 10.02 USD is rounded up.
  const table: [value: string, percent: number, milestones: number[], payable: number][] = [
    ['-5', 0, [], 0],
    ['0', 0, [], 0],
    ['24.99', 24, [], 0],
    ['24.999999999', 24, [], 0],
    ['25', 25, [25], 251],
    ['49.99', 49, [25], 251],
    ['50', 50, [25, 50], 501],
    ['74.99', 74, [25, 50], 501],
    ['75', 75, [25, 50, 75], 752],
    ['99.99', 99, [25, 50, 75], 752],
    ['100', 100, [25, 50, 75, 100], 1002],
    ['250', 250, [25, 50, 75, 100], 1002],
    ['999999999999999999', 1000, [25, 50, 75, 100], 1002],
  ];
  for (const [value, percent, milestones, payable] of table) {
    const achieved = progressPercent(value, GOAL);
    t.strictSame(
      [achieved, milestonesReached(achieved), payableMinor(1002, achieved)],
      [percent, milestones, payable],
      value,
    );
  }
});

t.test('a target below the baseline, and figures that floating point cannot hold', async (t) => {
  const bounce = { baseline: '40.5', target: '30.5' };
  t.equal(progressPercent('33', bounce), 75);
  t.equal(progressPercent('33.000000001', bounce), 74);
  t.equal(progressPercent('41', bounce), 0);
  // 0.1 + 0.2 is not 0.3 in floating point.
  t.equal(progressPercent('0.3', { baseline: '0.1', target: '0.3' }), 100);
  t.equal(progressPercent('0.299999999', { baseline: '0.1', target: '0.3' }), 99);
  t.equal(
    progressPercent('100000000000000000.25', {
      baseline: '100000000000000000',
      target: '100000000000000001',
    }),
    25,
  );
});

t.test('properties: more is never cheaper, the fee is the most, and the share is the table', async () => {
  const figure = fc
    .bigInt({ min: -(10n ** 18n), max: 10n ** 18n })
    .map((n) => ({ n, text: formatDecimal(n, 9) }));
  const fee = fc.integer({ min: 1, max: 99_999_999 });
  fc.assert(
    fc.property(figure, figure, figure, figure, fee, (from, to, a, b, feeMinor) => {
      fc.pre(from.n !== to.n);
      const terms = { baseline: from.text, target: to.text };
      const payable = (text: string) => payableMinor(feeMinor, progressPercent(text, terms));
      const isFurther = to.n > from.n === b.n > a.n;
      const [less, more] = isFurther ? [a, b] : [b, a];
      const sign = to.n > from.n ? 1n : -1n;
      const reaches = (percent: bigint) => sign * (a.n - from.n) * 100n >= sign * (to.n - from.n) * percent;
      const share = [100n, 75n, 50n, 25n].find(reaches) ?? 0n;
      return (
        payable(less.text) <= payable(more.text) &&
        payable(a.text) <= feeMinor &&
        payable(to.text) === feeMinor &&
        payable(from.text) === 0 &&
        BigInt(payable(a.text)) === (BigInt(feeMinor) * share * 2n + 100n) / 200n
      );
    }),
  );
});
