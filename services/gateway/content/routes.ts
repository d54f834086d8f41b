import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import { SMALLEST_SCALE } from '#libs/pipelines/content.ts';
import { requiredModel } from '../entitlements/domain/check-entitlements.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { planGeneratedContent } from './plan.ts';

/** `POST /api/generate`: content about a topic. */
export const generateContentRoute: MeteredRoute<GenerateRequest> = {
  operation: generateContent,
  rateLimitClass: (_body, accept) => ({ generation: true, stream: accept !== 'application/json' }),
  plan: planGeneratedContent,
  smallestScale: () => SMALLEST_SCALE,
  planContext: (check) => ({
    meter: `gen.${check.body.content_types[0] ?? 'blog'}`,
    modelUsed: requiredModel(check, 'text').info.model,
  }),
};
