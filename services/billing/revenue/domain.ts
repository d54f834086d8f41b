/** Monthly recurring revenue. Amounts are in minor units. */
import { type Cycle, MONTHS_PER_CYCLE } from '../subscriptions/domain/period.ts';

/** Accounts with the same terms. */
export type RevenueGroup = {
  planKey: string;
  cycle: Cycle;
  /** Of one seat and one cycle; 0 for a plan that is free or not sold. */
  priceMinor: number;
  seats: number;
  accounts: number;
  status: 'active' | 'past_due' | 'trialing';
  isPaused: boolean;
  /** Whether it ends with its period. */
  isEnding: boolean;
};

export type Revenue = {
  mrrMinor: number;
  committedMrrMinor: number;
  payingAccounts: number;
  pastDueAccounts: number;
  trialingAccounts: number;
  pausedAccounts: number;
  plans: { planKey: string; accounts: number; mrrMinor: number }[];
};

const MONTHS_PER_YEAR = 12;

export function revenueOf(groups: readonly RevenueGroup[]): Revenue {
  const paying = groups.filter(
    ({ priceMinor, isPaused, status }) => priceMinor > 0 && !isPaused && status !== 'trialing',
  );
  const planKeys = [...new Set(paying.map(({ planKey }) => planKey))].sort();
  return {
    mrrMinor: mrrOf(paying),
    committedMrrMinor: mrrOf(paying.filter(({ isEnding }) => !isEnding)),
    payingAccounts: accountsOf(paying),
    pastDueAccounts: accountsOf(paying.filter(({ status }) => status === 'past_due')),
    trialingAccounts: accountsOf(groups.filter(({ status }) => status === 'trialing')),
    pausedAccounts: accountsOf(groups.filter(({ isPaused }) => isPaused)),
    plans: planKeys.map((planKey) => {
      const ofPlan = paying.filter((group) => group.planKey === planKey);
      return { planKey, accounts: accountsOf(ofPlan), mrrMinor: mrrOf(ofPlan) };
    }),
  };
}

/** Summed in twelfths and rounded once: a yearly price need not have twelve equal parts. */
function mrrOf(groups: readonly RevenueGroup[]): number {
  const twelfths = groups.reduce(
    (sum, { priceMinor, seats, accounts, cycle }) =>
      sum + (priceMinor * seats * accounts * MONTHS_PER_YEAR) / MONTHS_PER_CYCLE[cycle],
    0,
  );
  return Math.round(twelfths / MONTHS_PER_YEAR);
}

function accountsOf(groups: readonly RevenueGroup[]): number {
  return groups.reduce((sum, { accounts }) => sum + accounts, 0);
}
