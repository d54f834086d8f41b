import t from 'tap';
import { type RevenueGroup, revenueOf } from './domain.ts';

const group = (of: Partial<RevenueGroup>): RevenueGroup => ({
  planKey: 'pro',
  cycle: 'month',
  priceMinor: 10_000,
  seats: 1,
  accounts: 1,
  status: 'active',
  isPaused: false,
  isEnding: false,
  ...of,
});

t.test('given monthly and yearly plans, then a year counts as twelve months', async (t) => {
  // 100 × 100 USD a month and 50 × 600 USD a year are 12 500 USD a month.
  const groups = [group({ accounts: 100 }), group({ cycle: 'year', priceMinor: 60_000, accounts: 50 })];
  t.match(revenueOf(groups), { mrrMinor: 1_250_000, payingAccounts: 150 });
  // 3 × 100.00 / 12 is 25.00, although one is 8.33.
  t.match(revenueOf([group({ cycle: 'year', accounts: 3 })]), { mrrMinor: 2_500 });
});

t.test('given every state, then only plans that are paid for count', async (t) => {
  const revenue = revenueOf([
    group({ seats: 4 }),
    group({ planKey: 'basic', priceMinor: 2_900, status: 'past_due' }),
    group({ planKey: 'basic', priceMinor: 2_900, isEnding: true, accounts: 2 }),
    group({ isPaused: true, accounts: 5 }),
    group({ status: 'trialing', accounts: 6 }),
    group({ planKey: 'free', priceMinor: 0, accounts: 7 }),
  ]);
  t.strictSame(revenue, {
    mrrMinor: 48_700,
    committedMrrMinor: 42_900,
    payingAccounts: 4,
    pastDueAccounts: 1,
    trialingAccounts: 6,
    pausedAccounts: 5,
    plans: [
      { planKey: 'basic', accounts: 3, mrrMinor: 8_700 },
      { planKey: 'pro', accounts: 1, mrrMinor: 40_000 },
    ],
  });
});
