import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { KEPT_ANSWER_ROUTE, type KeptAnswer, keptAnswer } from '#libs/contracts/kept-answer.ts';
import { callerOf } from '#libs/service/internal-calls.ts';

/** `GET /internal/results/:request_id`: what became of a request of the same account. */
export function resultsRoute(
  app: FastifyInstance,
  { find }: { find: (requestId: string, accountId: string) => Promise<KeptAnswer> },
): void {
  app.get<{ Params: { request_id: string } }>(
    KEPT_ANSWER_ROUTE,
    { schema: { params: z.object({ request_id: z.uuid() }), response: { 200: keptAnswer } } },
    (request) => find(request.params.request_id, callerOf(request).accountId),
  );
}
