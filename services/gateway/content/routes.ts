import { generateContent } from '#libs/contracts/generate-operations.ts';
import { createGeneration } from '#libs/contracts/generations.ts';
import { DEFAULT_HORIZON_DAYS } from '#libs/pipelines/content/content-plan.ts';
import { SMALLEST_SCALE } from '#libs/pipelines/content/plan.ts';
import { problem } from '#libs/problems/problems.ts';
import { type EntitlementCheck, requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute, Sender } from '../metering/domain/route.ts';
import { cacheTermsOf } from './cache-terms.ts';
import type { ContentBody } from './domain.ts';
import { type ContentSources, readInputs } from './inputs.ts';
import { cheaperContent, planGeneratedContent } from './plan.ts';

/** A plan that does not say how many steps run at the same time. */
const DEFAULT_PARALLEL = 4;

type ContentRoute = MeteredRoute<ContentBody>;

const planContext: ContentRoute['planContext'] = (check) => ({
  meter: `gen.${check.body.content_types[0] ?? 'blog'}`,
  modelUsed: requiredModel(check, 'text').info.model,
});

const jobTerms: NonNullable<ContentRoute['jobTerms']> = (check, request) => {
  const { maxParallel, priority } = check.entitlements;
  const cache = cacheTermsOf(check, request);
  return {
    maxParallel: maxParallel.value ?? DEFAULT_PARALLEL,
    priority: priority.value,
    ...(cache && { cache }),
  };
};

/** What all routes of content share, those included that continue a job. */
export const contentRouteBase = {
  planContext,
  jobTerms,
  smallestScale: () => SMALLEST_SCALE,
  cheaper: cheaperContent<ContentBody>,
};

export const jobRouteBase = {
  ...contentRouteBase,
  rateLimitClass: () => ({ generation: true, stream: false }),
};

/** `POST /api/generate`: content, whose request waits for it. */
export function generateContentRoute(sources: ContentSources): ContentRoute {
  return {
    ...contentRouteBase,
    operation: generateContent,
    adapt(check, sender) {
      if (check.body.outline_approval === true) {
        throw problem('invalid_request', {
          detail: 'An outline is approved between two requests: use POST /api/generations.',
          fields: { param: 'outline_approval' },
        });
      }
      return adaptWith(sources)(check, sender);
    },
    rateLimitClass: (_body, accept) => ({ generation: true, stream: accept !== 'application/json' }),
    plan: (check, bounds) => planGeneratedContent('generate', check, bounds, sources.priceBook),
  };
}

/** `POST /api/generations`: content in the background. */
export function createGenerationRoute(sources: ContentSources): ContentRoute {
  return {
    ...jobRouteBase,
    operation: createGeneration,
    adapt: adaptWith(sources),
    plan: (check, bounds) => planGeneratedContent('job', check, bounds, sources.priceBook),
  };
}

function adaptWith(sources: ContentSources) {
  return async (check: EntitlementCheck<ContentBody>, sender: Sender) => {
    const inputs = { ...check.body.inputs, ...(await readInputs(sources, check, sender)) };
    const body = withHorizon(check);
    return { body: Object.keys(inputs).length === 0 ? body : { ...body, inputs }, ignored: [] };
  };
}

/** A calendar covers as many days as the plan includes, at most the usual number, unless the request says it. */
function withHorizon({ body, entitlements }: EntitlementCheck<ContentBody>): ContentBody {
  const horizon = entitlements.horizonDays.value;
  if (horizon === null || body.horizon_days !== undefined || !body.content_types.includes('content_plan'))
    return body;
  return { ...body, horizon_days: Math.min(horizon, DEFAULT_HORIZON_DAYS) };
}
