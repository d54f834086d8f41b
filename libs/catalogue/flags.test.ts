import fc from 'fast-check';
import t from 'tap';
import { bucketOf, evaluateFlag, type FeatureFlag } from './flags.ts';

const subject = { accountId: 'a1', plan: 'pro', segments: ['new_tester'] };
const flag = (...rules: FeatureFlag['rules']): FeatureFlag => ({ key: 'beta', enabled: true, rules });

t.test('the first matching rule applies', async (t) => {
  t.equal(evaluateFlag(flag(), subject), undefined);
  t.equal(evaluateFlag(flag({ kind: 'boolean', on: false }), subject), false);
  t.equal(evaluateFlag({ ...flag({ kind: 'boolean', on: true }), enabled: false }, subject), undefined);
  t.equal(evaluateFlag(flag({ kind: 'account', accountIds: ['a2'], on: true }), subject), undefined);
  t.equal(
    evaluateFlag(
      flag({ kind: 'account', accountIds: ['a1'], on: false }, { kind: 'plan', plans: ['pro'], on: true }),
      subject,
    ),
    false,
  );
  t.equal(evaluateFlag(flag({ kind: 'segment', segments: ['x', 'new_tester'], on: true }), subject), true);
  t.equal(evaluateFlag(flag({ kind: 'percent', bps: 0, on: true }), subject), undefined);
  t.equal(evaluateFlag(flag({ kind: 'percent', bps: 10_000, on: true }), subject), true);
});

t.test('a share of accounts is stable, grows, and has about the right size', async (t) => {
  fc.assert(
    fc.property(fc.string(), fc.uuid(), fc.nat(10_000), fc.nat(10_000), (key, accountId, a, b) => {
      const on = (bps: number) => bucketOf(key, accountId) < bps;
      return on(Math.max(a, b)) || !on(Math.min(a, b));
    }),
  );
  const accounts = Array.from({ length: 20_000 }, (_, index) => `account-${index}`);
  const tenth = accounts.filter((accountId) => bucketOf('beta', accountId) < 1_000);
  t.ok(tenth.length > 1_800 && tenth.length < 2_200, `${tenth.length} of 20 000`);
  const both = tenth.filter((accountId) => bucketOf('gamma', accountId) < 1_000);
  t.ok(both.length > 140 && both.length < 260, `${both.length}: flags choose independently`);
});
