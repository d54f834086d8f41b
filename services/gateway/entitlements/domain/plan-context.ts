import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { PlanContext, Suggestions } from '#libs/contracts/requirements.ts';
import type { AccountUsage, LimitUsageQuery } from '#libs/ledger/read-limits.ts';
import type { LimitView } from '#libs/ledger/types.ts';
import { worstCaseMeters } from '#libs/pipelines/meters.ts';
import type { EntitlementCheck } from './check-entitlements.ts';
import { badgeOf, mostUsedLimit, upgradePromptOf, usageOf } from './plan-usage.ts';

/** What a response shows of the plan's usage. */
export type PlanContextFields = {
  /** The meter that this kind of request counts on, such as `images` or `gen.blog`. */
  meter: string;
  modelUsed: string;
  qualityUsed?: string | null;
};

/** The plans that would lift a limit; undefined if the catalogue cannot be read. */
type SuggestPlans = (entitlements: Entitlements, limit: LimitView) => Promise<Suggestions | undefined>;

export type ReadLimits = (query: LimitUsageQuery) => Promise<AccountUsage | undefined>;

/** The plan and its usage once a request is held. Never throws: usage that cannot be read is left out. */
export async function readPlanContext(
  dependencies: { readLimits: ReadLimits; suggestPlans: SuggestPlans },
  { meter, modelUsed, qualityUsed }: PlanContextFields,
  { entitlements, degraded }: EntitlementCheck,
  { accountId, userId, keyId, workspaceId }: Caller,
  plan: CallPlan,
): Promise<PlanContext> {
  const account = await dependencies
    .readLimits({ accountId, userId, keyId, workspaceId })
    .catch(() => undefined);
  const usage = account && mostUsedLimit(account.limits, metersOf(plan));
  const prompt = await upgradePromptOf(usage, (limit) => dependencies.suggestPlans(entitlements, limit));
  return {
    plan_info: {
      plan: entitlements.plan.key,
      model_used: modelUsed,
      ...(qualityUsed !== undefined && { quality_used: qualityUsed }),
      usage: account === undefined ? null : usageOf(account.limits, meter),
      badge: badgeOf(entitlements, usage),
      ...(prompt && { upgrade_prompt: prompt }),
    },
    ...(degraded.length > 0 && { degraded }),
  };
}

/** The meters that the calls of a plan count on. */
function metersOf({ calls }: CallPlan): ReadonlySet<string> {
  return new Set(calls.flatMap((call) => Object.keys(worstCaseMeters(call, 0n))));
}
