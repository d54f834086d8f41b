/** The plan of generated content: a pipeline of provider calls, all of them held before the first one starts. */
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan } from '#libs/contracts/generation-requests.ts';
import { planContent } from '#libs/pipelines/content.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { PlanBounds } from '../metering/domain/route.ts';

export function planGeneratedContent(
  check: EntitlementCheck<GenerateRequest>,
  { scale }: PlanBounds,
): CallPlan {
  const { info, wire } = requiredModel(check, 'text');
  return planContent({
    request: check.body,
    model: info,
    price: wire,
    outputTokensCap: check.entitlements.outputTokensCap.value,
    scale,
  });
}
