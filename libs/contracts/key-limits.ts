/** The gateway's request to billing to set the limits of one API key, in addition to those of the account's plan. */
import { z } from 'zod';
import { WINDOWS } from '#libs/catalogue/limit.ts';

/** `PUT`; replaces all limits of the key. The answer is 204. */
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
        .describe('Nano-USD for `cost`, units of the meter otherwise.'),
    }),
  ),
});

export type KeyLimitsBody = z.infer<typeof keyLimitsBody>;
