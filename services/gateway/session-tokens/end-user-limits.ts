import type { InternalClient } from '#libs/clients/internal-client.ts';
import { type EndUserLimitsBody, endUserLimitsPath } from '#libs/contracts/end-user-limits.ts';
import { putLimits } from '../api-keys/plugin.ts';
import type { SetEndUserLimits } from './domain.ts';

/** Billing puts limits in force; the gateway keeps a copy to compare with. */
export function createSetEndUserLimits(billing: InternalClient): SetEndUserLimits {
  return ({ accountId, userId, isNew, limits, requestId }) => {
    const body: EndUserLimitsBody = {
      is_new: isNew,
      limits: limits.map(({ meter, window, amount }) => ({ meter, window, amount: amount.toString() })),
    };
    const failure = 'The limits of the end user cannot be set right now, so the token was not created.';
    return putLimits(billing, { path: endUserLimitsPath(accountId, userId), body, requestId, failure });
  };
}
