/** The answer generation kept of a request that may be asked again. */
import { z } from 'zod';

export const KEPT_ANSWER_ROUTE = '/internal/results/:request_id';

export const keptAnswerPath = (requestId: string): string => `/internal/results/${requestId}`;

export const keptAnswer = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('done'),
    status: z.int(),
    headers: z.record(z.string(), z.string()),
    body_base64: z.string(),
  }),
  z.object({ state: z.literal('running') }),
  z.object({ state: z.literal('unknown') }),
]);
export type KeptAnswer = z.infer<typeof keptAnswer>;
