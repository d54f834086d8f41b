/** The plan of generated content: a pipeline of provider calls, all of them held before the first one starts. */
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { planContent } from '#libs/pipelines/content/plan.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds } from '../metering/domain/route.ts';

/** @param done steps of the job that need not run again. */
export function planGeneratedContent(
  kind: 'generate' | 'job',
  check: EntitlementCheck<GenerateRequest>,
  { scale }: PlanBounds,
  resumed: { done: ReadonlySet<string>; scale: number } | null = null,
): CallPlan {
  const { info, wire } = requiredModel(check, 'text');
  requireHorizon(check);
  return planContent({
    kind,
    request: check.body,
    model: info,
    price: wire,
    outputTokensCap: check.entitlements.outputTokensCap.value,
    scale: resumed?.scale ?? scale,
    ...(resumed && { done: resumed.done }),
  });
}

/** @throws ProblemError `feature_not_in_plan` for a calendar beyond the plan's horizon. */
function requireHorizon({ body, entitlements }: EntitlementCheck<GenerateRequest>): void {
  const { value: horizon } = entitlements.horizonDays;
  const { horizon_days: days } = body;
  if (horizon === null || days === undefined || days <= horizon) return;
  throw problem('feature_not_in_plan', {
    detail: `The plan includes calendars of up to ${horizon} days.`,
    fields: { plan: entitlements.plan.key, feature: 'horizon_days' },
  });
}
