import type { FastifyInstance } from 'fastify';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { planContent, SMALLEST_SCALE } from '#libs/pipelines/content.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { MeteringHook } from '../metering/hook.ts';
import { requireTextModel } from '../metering/model-access.ts';
import type { PriceBook } from '../metering/price-book.ts';

export type GenerateDependencies = {
  meter: MeteringHook;
  priceBook: PriceBook;
  callerOf: (request: Parameters<MeteringHook>[0]) => Caller;
};

/** `POST /api/generate`: a pipeline of provider calls, all of them held before the first one starts. */
export function registerGenerate(
  app: FastifyInstance,
  { meter, priceBook, callerOf }: GenerateDependencies,
): void {
  serveOperation(app, generateContent, async (request, reply) => {
    const body: GenerateRequest = request.body;
    await meter(request, reply, callerOf(request), (entitlements) => {
      for (const type of body.content_types) requireContentType(entitlements, type);
      const { info, wire } = requireTextModel(entitlements, priceBook, body.model);
      const outputTokensCap = entitlements.outputTokensCap.value;
      return {
        path: '/internal/generate',
        planner: {
          canCount: false,
          fitBudget: body.fit_budget ?? false,
          smallestScale: () => SMALLEST_SCALE,
          plan: ({ scale }) =>
            planContent({ request: body, model: info, price: wire, outputTokensCap, scale }),
        },
      };
    });
    return reply;
  });
}

/** @throws ProblemError `content_type_not_in_plan` */
function requireContentType({ contentTypes, plan }: Entitlements, type: string): void {
  const grant = contentTypes[type];
  if (grant === undefined || grant.granted) return;
  const available = Object.entries(contentTypes)
    .filter(([, { granted }]) => granted)
    .map(([name]) => name);
  throw problem('content_type_not_in_plan', {
    fields: { content_type: type, plan: plan.key, available_content_types: available, reason: grant.source },
  });
}
