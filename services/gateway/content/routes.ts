import type { FastifyInstance } from 'fastify';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import { generateContent } from '#libs/contracts/generate-operations.ts';
import { planContent, SMALLEST_SCALE } from '#libs/pipelines/content.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { MeteredRouteDependencies } from '../metering/pipeline.ts';

/** `POST /api/generate`: a pipeline of provider calls, all of them held before the first one starts. */
export function registerGenerate(app: FastifyInstance, { meter, callerOf }: MeteredRouteDependencies): void {
  serveOperation(app, generateContent, async (request, reply) => {
    await meter(request, reply, callerOf(request), {
      needs: generateContent.needs,
      paced: { generation: true, stream: request.headers.accept !== 'application/json' },
      body: request.body,
      describe({ body, model: modelFor, entitlements }) {
        const { info, wire } = modelFor('text');
        const outputTokensCap = entitlements.outputTokensCap.value;
        return {
          planner: {
            canCount: false,
            fitBudget: body.fit_budget ?? false,
            smallestScale: () => SMALLEST_SCALE,
            plan: ({ scale }) =>
              planContent({ request: body, model: info, price: wire, outputTokensCap, scale }),
          },
          shown: { meter: `gen.${countedType(body)}`, modelUsed: info.model },
        };
      },
    });
    return reply;
  });
}

/** Whose use the answer tells. */
function countedType({ content_types: [first = 'blog'] }: GenerateRequest): string {
  return first;
}
