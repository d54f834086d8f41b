import type { FastifyInstance } from 'fastify';
import {
  CONTENT_INPUTS_PATH,
  contentInputs,
  REWRITE_INPUTS_PATH,
  type RewriteOrder,
  rewriteInputs,
  rewriteOrder,
} from '#libs/contracts/content-inputs.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { ContentInputResolver } from './domain.ts';

/** What the gateway must know of a request for content before it plans its calls. */
export function contentInputRoutes(
  app: FastifyInstance,
  { resolve, resolveRewrite }: ContentInputResolver,
): void {
  app.post<{ Body: GenerateRequest }>(
    CONTENT_INPUTS_PATH,
    { schema: { body: generateRequest, response: { 200: contentInputs } } },
    (request) => resolve(callerOf(request), request.body),
  );

  app.post<{ Body: RewriteOrder }>(
    REWRITE_INPUTS_PATH,
    { schema: { body: rewriteOrder, response: { 200: rewriteInputs } } },
    (request) => resolveRewrite(callerOf(request), request.body),
  );
}
