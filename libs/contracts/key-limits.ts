/** How the gateway has billing put the limits of one API key in force, next to those of its account's plan. */
import { z } from 'zod';
import { WINDOWS } from '#libs/catalogue/limit.ts';

/** `PUT`; replaces all limits the key had. Answered with 204. */
export const KEY_LIMITS_ROUTE = '/internal/accounts/:account_id/keys/:key_id/limits';

export const keyLimitsPath = (accountId: string, keyId: string): string =>
  `/internal/accounts/${accountId}/keys/${keyId}/limits`;

export const keyLimitsBody = z.strictObject({
  limits: z.array(
    z.strictObject({
      meter: z.string(),
      window: z.enum(WINDOWS),
      amount: z
        .string()
        .regex(/^\d{1,18}$/)
        .describe('Nano-USD for `cost`, pieces otherwise.'),
    }),
  ),
});

export type KeyLimitsBody = z.infer<typeof keyLimitsBody>;
