import type { FastifyPluginAsync } from 'fastify';
import { findPlan } from '#libs/catalogue/plans.ts';
import { getRecurringRevenue, type RevenueWire } from '#libs/contracts/revenue.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { priceMinorOf } from '../plans/domain/offer.ts';
import { offeredCatalogue, type SubscriptionDeps } from '../subscriptions/plugin.ts';
import { type RevenueGroup, revenueOf } from './domain.ts';
import { countTerms } from './store.ts';

const MONTHS_PER_YEAR = 12;

/** What subscriptions bring in, for staff. */
export const revenuePlugin: FastifyPluginAsync<SubscriptionDeps> = async (app, deps) => {
  serveOperation(app, getRecurringRevenue, async (): Promise<RevenueWire> => {
    const { database, catalogues, runtime } = deps;
    const now = runtime.clock.now();
    const groups: RevenueGroup[] = [];
    for (const { catalogueVersionId, ...terms } of await countTerms(database, now)) {
      const { catalogue } = await catalogues.version(database, catalogueVersionId);
      const plan = findPlan(catalogue, terms.planKey);
      groups.push({
        ...terms,
        priceMinor: plan === undefined ? 0 : (priceMinorOf(plan, terms.cycle) ?? 0),
      });
    }
    const revenue = revenueOf(groups);
    const { currency } = (await offeredCatalogue(deps)).catalogue;
    return {
      as_of: now.toISOString(),
      currency,
      mrr_minor: revenue.mrrMinor,
      arr_minor: revenue.mrrMinor * MONTHS_PER_YEAR,
      committed_mrr_minor: revenue.committedMrrMinor,
      paying_accounts: revenue.payingAccounts,
      past_due_accounts: revenue.pastDueAccounts,
      trialing_accounts: revenue.trialingAccounts,
      paused_accounts: revenue.pausedAccounts,
      plans: revenue.plans.map(({ planKey: plan, accounts, mrrMinor: mrr_minor }) => ({
        plan,
        accounts,
        mrr_minor,
      })),
    };
  });
};
