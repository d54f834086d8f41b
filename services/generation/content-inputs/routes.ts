import type { FastifyInstance } from 'fastify';
import { CONTENT_INPUTS_PATH, contentInputs } from '#libs/contracts/content-inputs.ts';
import { type GenerateRequest, generateRequest } from '#libs/contracts/generate.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { ContentInputResolver } from './domain.ts';

/** `POST /internal/v1/content-inputs`: what the gateway must know of a request for content before it plans its calls. */
export function contentInputRoutes(app: FastifyInstance, { resolve }: ContentInputResolver): void {
  app.post<{ Body: GenerateRequest }>(
    CONTENT_INPUTS_PATH,
    { schema: { body: generateRequest, response: { 200: contentInputs } } },
    (request) => resolve(callerOf(request), request.body),
  );
}
