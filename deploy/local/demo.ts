/** The account that the first curl of a local installation uses. */
import type { Pool } from 'pg';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { featuresOf } from '#libs/catalogue/features.ts';
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { createDatabase } from '#libs/db/database.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions.ts';
import { decideAssignment } from '#services/billing/subscriptions/domain/decide-assignment.ts';
import { entitlementInputOf } from '#services/billing/subscriptions/domain/subscription.ts';
import {
  changeSubscription,
  readAccount,
  type SubscriptionDeps,
} from '#services/billing/subscriptions/plugin.ts';
import { ensureDemoAccount } from '#services/gateway/accounts/demo-account.ts';

const API_ACCESS = 'api_access';

export type Demo = {
  plan: string;
  /** A text model that the plan includes; null if it has none. */
  model: string | null;
};

/**
 * Makes sure of the demo account and its key. Where the catalogue sells API access, the account is given the smallest
 * plan that has it, or its key could not be used.
 */
export async function setUpDemo(pool: Pool, apiKey: string, author: string): Promise<Demo> {
  const { accountId } = await ensureDemoAccount(createDatabase(pool), systemRuntime, { apiKey });
  const deps: SubscriptionDeps = {
    database: createDatabase(pool),
    catalogues: createCatalogueVersions(),
    runtime: systemRuntime,
    paymentPolicy: { graceDays: 0, requestDays: 1, driver: 'manual' },
  };
  const { subscription, sold } = await readAccount(deps, accountId);
  const plan = planForKeys(sold.catalogue, subscription.planKey);
  if (plan !== subscription.planKey) {
    await changeSubscription(deps, { accountId }, (state, context) =>
      decideAssignment(
        state,
        {
          plan,
          cycle: 'month',
          reason: 'the key of the demo account needs API access',
          by: { actor: author, requestId: null },
        },
        context,
      ),
    );
  }
  const account = await readAccount(deps, accountId);
  const { textModels } = entitlementsAt(entitlementInputOf(account), systemRuntime.clock.now());
  return { plan, model: textModels.default };
}

function planForKeys(catalogue: Catalogue, current: string): string {
  const sellsAccess = API_ACCESS in catalogue.features;
  const candidates = [findPlan(catalogue, current), ...plansByRank(catalogue)];
  const plan = candidates.find((one) => one !== undefined && featuresOf(catalogue, one).includes(API_ACCESS));
  return sellsAccess && plan !== undefined ? plan.key : current;
}
