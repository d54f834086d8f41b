import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { STORED_RESPONSE_ROUTE, storedResponse } from '#libs/contracts/stored-response.ts';
import type { Database } from '#libs/db/database.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { findStoredResponse } from './store.ts';

/** `GET /internal/results/:request_id`: the state of a request of the same account, and its response. */
export function storedResponseRoutes(app: FastifyInstance, database: Database): void {
  app.get<{ Params: { request_id: string } }>(
    STORED_RESPONSE_ROUTE,
    { schema: { params: z.object({ request_id: z.uuid() }), response: { 200: storedResponse } } },
    (request) => findStoredResponse(database, request.params.request_id, callerOf(request).accountId),
  );
}
