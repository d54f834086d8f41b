import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PlanContext } from '#libs/contracts/requirements.ts';
import type { CallPlan } from '#libs/contracts/work.ts';
import type { AccountStanding, StandingQuery } from '#libs/ledger/read-limits.ts';
import { worstCaseMeters } from '#libs/pipelines/meters.ts';
import type { EntitlementCheck } from './check-entitlements.ts';
import { badgeOf, nearestToItsEnd, upgradePromptOf, usageOf } from './plan-info.ts';

/** What an answer says was used. */
export type PlanContextFields = {
  /** What this kind of request counts, such as `images` or `gen.blog`. */
  meter: string;
  modelUsed: string;
  qualityUsed?: string | null;
};

export type ReadStanding = (query: StandingQuery) => Promise<AccountStanding | undefined>;

export type PlanContextReader = (
  shown: PlanContextFields,
  granted: EntitlementCheck,
  caller: Caller,
  plan: CallPlan,
) => Promise<PlanContext>;

/** Tells where an account stands once a request is admitted. Never throws: no work fails for what is only told. */
export function createPlanContext(dependencies: {
  readStanding: ReadStanding;
  suggestPlans: AccountEntitlements['suggestPlans'];
}): PlanContextReader {
  return async ({ meter, modelUsed, qualityUsed }, { entitlements, degraded }, caller, plan) => {
    const { accountId, userId, keyId, workspaceId } = caller;
    const standing = await dependencies
      .readStanding({ accountId, userId, keyId, workspaceId })
      .catch(() => undefined);
    const use = standing && nearestToItsEnd(standing.limits, metersOf(plan));
    const prompt = await upgradePromptOf(use, (limit) => dependencies.suggestPlans(entitlements, limit));
    return {
      plan_info: {
        plan: entitlements.plan.key,
        model_used: modelUsed,
        ...(qualityUsed !== undefined && { quality_used: qualityUsed }),
        usage: standing === undefined ? null : usageOf(standing.limits, meter),
        badge: badgeOf(entitlements, use),
        ...(prompt && { upgrade_prompt: prompt }),
      },
      ...(degraded.length > 0 && { degraded }),
    };
  };
}

/** The meters that the calls of a plan count on. */
function metersOf({ calls }: CallPlan): ReadonlySet<string> {
  return new Set(calls.flatMap((call) => Object.keys(worstCaseMeters(call, 0n))));
}
