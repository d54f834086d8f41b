/** The response that generation stored for a request with an `Idempotency-Key`. */
import { z } from 'zod';

export const STORED_RESPONSE_ROUTE = '/internal/results/:request_id';

export const storedResponsePath = (requestId: string): string => `/internal/results/${requestId}`;

export const storedResponse = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('done'),
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body_base64: z.string(),
  }),
  z.object({ state: z.literal('running') }),
  z.object({ state: z.literal('unknown') }),
]);
export type StoredResponse = z.infer<typeof storedResponse>;
