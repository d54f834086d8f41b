import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import { problem } from '#libs/problems/problems.ts';

/**
 * Refuses to spend for a subscription that staff suspended, or whose payment is overdue beyond the grace period of its
 * plan. A plan granted by staff is served regardless of overdue payments.
 *
 * @throws ProblemError `account_suspended`, `payment_required`
 */
export function requireActiveSubscription({ status, plan }: Entitlements): void {
  if (status === 'suspended') {
    throw problem('account_suspended', {
      detail: 'The subscription is suspended; contact support.',
      fields: { plan: plan.key, reason: 'subscription_suspended' },
    });
  }
  if (status === 'past_due' && plan.source === 'payment_overdue') {
    throw problem('payment_required', {
      detail: 'A payment is overdue. Pay it to use features that cost money.',
      fields: { plan: plan.key, reason: 'payment_overdue' },
    });
  }
}
