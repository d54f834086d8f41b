import { z } from 'zod';

/** The header that makes it safe to repeat an operation that creates, spends or charges. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .describe(
      '1 to 255 visible ASCII characters, unique for each request. The first response is stored for 24 hours and replayed for the same request with the same key, so that a retry creates and spends nothing.',
    ),
});
