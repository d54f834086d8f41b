/** The account that the first curl of a local installation uses. */
import type { Pool } from 'pg';
import { entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { featuresOf } from '#libs/catalogue/features.ts';
import { findPlan, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { createDatabase, type Database } from '#libs/db/database.ts';
import { systemRuntime } from '#libs/service/runtime.ts';
import { createCatalogueVersions } from '#services/billing/catalogues/versions-store.ts';
import { decideAssignment } from '#services/billing/subscriptions/domain/decide-assignment.ts';
import { entitlementInputOf } from '#services/billing/subscriptions/domain/subscription.ts';
import {
  changeSubscription,
  readAccount,
  type SubscriptionDeps,
} from '#services/billing/subscriptions/plugin.ts';
import {
  DEMO_EMAIL,
  DEMO_MEMBER_EMAIL,
  DEMO_STAFF_EMAIL,
  ensureDemoAccount,
  ensureDemoMember,
  ensureDemoStaff,
} from '#services/gateway/accounts/demo-account.ts';
import type { Secrets } from './secrets.ts';

const API_ACCESS = 'api_access';

/** What opens the demo account. */
export type DemoSecrets = Pick<
  Secrets,
  'demoApiKey' | 'demoOwnerPassword' | 'demoMemberPassword' | 'demoStaffPassword'
>;

/** A user, with the password they had at first. */
export type DemoLogin = { role: 'owner' | 'member' | 'staff'; email: string; password: string };

export type Demo = {
  accountId: string;
  logins: DemoLogin[];
  plan: string;
  /** A text model that the plan includes; null if it has none. */
  model: string | null;
};

/**
 * Ensures that the demo account exists with its key, its users and a staff user. If the catalogue sells API access, the
 * account gets the smallest plan with it, because its key needs it.
 */
export async function setUpDemo(pool: Pool, secrets: DemoSecrets, author: string): Promise<Demo> {
  const { accountId, logins } = await ensureDemoUsers(createDatabase(pool), secrets);
  const deps: SubscriptionDeps = {
    database: createDatabase(pool),
    catalogues: createCatalogueVersions(),
    runtime: systemRuntime,
    paymentPolicy: { requestDays: 1, driver: 'manual' },
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
  return { accountId, logins, plan, model: textModels.default };
}

async function ensureDemoUsers(
  database: Database,
  secrets: DemoSecrets,
): Promise<Pick<Demo, 'accountId' | 'logins'>> {
  const { accountId } = await ensureDemoAccount(database, systemRuntime, {
    apiKey: secrets.demoApiKey,
    password: secrets.demoOwnerPassword,
  });
  const member = { email: DEMO_MEMBER_EMAIL, password: secrets.demoMemberPassword };
  await ensureDemoMember(database, systemRuntime, { accountId, password: member.password });
  const staff = { email: DEMO_STAFF_EMAIL, password: secrets.demoStaffPassword };
  await ensureDemoStaff(database, systemRuntime, staff);
  return {
    accountId,
    logins: [
      { role: 'owner', email: DEMO_EMAIL, password: secrets.demoOwnerPassword },
      { role: 'member', ...member },
      { role: 'staff', ...staff },
    ],
  };
}

function planForKeys(catalogue: Catalogue, current: string): string {
  const sellsAccess = API_ACCESS in catalogue.features;
  const candidates = [findPlan(catalogue, current), ...plansByRank(catalogue)];
  const plan = candidates.find((one) => one !== undefined && featuresOf(catalogue, one).includes(API_ACCESS));
  return sellsAccess && plan !== undefined ? plan.key : current;
}
