import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import type { JobTerms } from '#libs/contracts/generation-requests.ts';
import { createGeneration } from '#libs/contracts/generations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { DEFAULT_HORIZON_DAYS } from '#libs/pipelines/content/content-plan.ts';
import { SMALLEST_SCALE } from '#libs/pipelines/content/plan.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute, PlanBounds } from '../metering/domain/route.ts';
import { cacheTermsOf } from './cache-terms.ts';
import { planGeneratedContent } from './plan.ts';

/** A job may wait for its turn this long; its hold lasts as long. */
const JOB_HOLD_MS = 24 * 3_600_000;

/** A plan that does not say how many steps run at the same time. */
const DEFAULT_PARALLEL = 4;

const shared = {
  adapt: (check: EntitlementCheck<GenerateRequest>) => ({ body: withHorizon(check), ignored: [] }),
  smallestScale: () => SMALLEST_SCALE,
  planContext: (check: EntitlementCheck<GenerateRequest>) => ({
    meter: `gen.${check.body.content_types[0] ?? 'blog'}`,
    modelUsed: requiredModel(check, 'text').info.model,
  }),
  jobTerms: (
    check: EntitlementCheck<GenerateRequest>,
    request: { caller: Caller; cacheControl: string | undefined },
  ): JobTerms => {
    const { maxParallel, priority } = check.entitlements;
    const cache = cacheTermsOf(check, request);
    return {
      maxParallel: maxParallel.value ?? DEFAULT_PARALLEL,
      priority: priority.value,
      ...(cache && { cache }),
    };
  },
};

/** `POST /api/generate`: content, whose request waits for it. */
export const generateContentRoute: MeteredRoute<GenerateRequest> = {
  ...shared,
  operation: generateContent,
  rateLimitClass: (_body, accept) => ({ generation: true, stream: accept !== 'application/json' }),
  plan: (check, bounds) => planGeneratedContent('generate', check, bounds),
};

/** `POST /api/generations`: content in the background. */
export const createGenerationRoute = {
  ...shared,
  operation: createGeneration,
  rateLimitClass: () => ({ generation: true, stream: false }),
  holdTtlMs: JOB_HOLD_MS,
  plan: (check: EntitlementCheck<GenerateRequest>, bounds: PlanBounds) =>
    planGeneratedContent('job', check, bounds),
} satisfies MeteredRoute<GenerateRequest>;

/** A calendar covers as many days as the plan includes, at most the usual number, unless the request says it. */
function withHorizon({ body, entitlements }: EntitlementCheck<GenerateRequest>): GenerateRequest {
  const horizon = entitlements.horizonDays.value;
  if (horizon === null || body.horizon_days !== undefined || !body.content_types.includes('content_plan'))
    return body;
  return { ...body, horizon_days: Math.min(horizon, DEFAULT_HORIZON_DAYS) };
}
