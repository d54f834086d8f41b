import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  STORED_RESPONSE_ROUTE,
  type StoredResponse,
  storedResponse,
} from '#libs/contracts/stored-response.ts';
import { callerOf } from '#libs/service/internal-calls.ts';

/** `GET /internal/results/:request_id`: what became of a request of the same account. */
export function resultsRoute(
  app: FastifyInstance,
  { find }: { find: (requestId: string, accountId: string) => Promise<StoredResponse> },
): void {
  app.get<{ Params: { request_id: string } }>(
    STORED_RESPONSE_ROUTE,
    { schema: { params: z.object({ request_id: z.uuid() }), response: { 200: storedResponse } } },
    (request) => find(request.params.request_id, callerOf(request).accountId),
  );
}
