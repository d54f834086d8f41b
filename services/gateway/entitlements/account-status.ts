import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * Nothing is spent for a subscription that staff suspended, or whose payment is overdue beyond the patience that its
 * plan is still served with. A plan that staff gave is served whatever is owed.
 *
 * @throws ProblemError `account_suspended`, `payment_required`
 */
export function requireGoodStanding({ status, plan }: Entitlements): void {
  if (status === 'suspended') {
    throw problem('account_suspended', {
      detail: 'The subscription is suspended; contact support.',
      fields: { plan: plan.key, reason: 'subscription_suspended' },
    });
  }
  if (status === 'past_due' && plan.source === 'payment_overdue') {
    throw problem('payment_required', {
      detail: 'A payment is overdue, so nothing that costs money is done until it has arrived.',
      fields: { plan: plan.key, reason: 'payment_overdue' },
    });
  }
}
