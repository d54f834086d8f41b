import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  STORED_RESPONSE_ROUTE,
  type StoredResponse,
  storedResponse,
} from '#libs/contracts/stored-response.ts';
import type { Database } from '#libs/db/database.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import type { RecoverResponse } from './domain.ts';
import { findStoredResponse } from './store.ts';

/** `GET /internal/results/:request_id`: the state of a request of the same account, and its response. */
export function storedResponseRoutes(
  app: FastifyInstance,
  database: Database,
  recoveries: readonly RecoverResponse[],
): void {
  async function find(requestId: string, accountId: string): Promise<StoredResponse> {
    const stored = await findStoredResponse(database, requestId, accountId);
    if (stored.state !== 'unknown') return stored;
    for (const recover of recoveries) {
      const recovered = await recover(requestId, accountId);
      if (recovered !== undefined) return recovered;
    }
    return stored;
  }

  app.get<{ Params: { request_id: string } }>(
    STORED_RESPONSE_ROUTE,
    { schema: { params: z.object({ request_id: z.uuid() }), response: { 200: storedResponse } } },
    (request) => find(request.params.request_id, callerOf(request).accountId),
  );
}
