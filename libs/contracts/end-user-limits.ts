/** The gateway's request to billing to set the limits of one end user, in addition to those of the account's plan. */
import { z } from 'zod';
import { keyLimitsBody } from './key-limits.ts';

/** `PUT`; replaces all limits of the end user. The answer is 204. */
export const END_USER_LIMITS_ROUTE = '/internal/accounts/:account_id/end-users/:user_id/limits';

export const endUserLimitsPath = (accountId: string, userId: string): string =>
  `/internal/accounts/${accountId}/end-users/${userId}/limits`;

export const endUserLimitsBody = keyLimitsBody.extend({
  is_new: z.boolean().describe('The end user has made no request yet.'),
});

export type EndUserLimitsBody = z.infer<typeof endUserLimitsBody>;
