import { z } from 'zod';

/** For operations that spend or charge: the header that makes repeating them safe. */
export const idempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .describe(
      'Any 1 to 255 visible ASCII characters, new for each piece of work. The first answer is kept for 24 hours and given again to the same request with the same key, so that repeating it spends nothing.',
    ),
});
