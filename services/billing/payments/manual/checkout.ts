/** Checkout without a payment provider: a payment request, and the page that shows how it is paid. */
import { problem } from '#libs/problems/problems.ts';
import { decideUpgrade } from '../../subscriptions/domain/decide-upgrade.ts';
import { refusalProblem } from '../../subscriptions/domain/refusal.ts';
import { changeSubscription } from '../../subscriptions/plugin.ts';
import type { CheckoutChoice } from '../checkout.ts';
import { collectPayment } from '../collect.ts';
import type { HostedDeps } from '../hosted.ts';
import { findOpenRequest } from '../store.ts';
import { paymentPageUrl } from './page.ts';

/** Repeating the same choice answers with the same page. */
export async function requestCheckout(
  deps: HostedDeps,
  accountId: string,
  { plan, cycle, seats, trial, by }: CheckoutChoice & { by: string },
): Promise<{ url: string; expiresAt: Date }> {
  if (trial) {
    throw problem('semantic_error', {
      detail: 'A trial needs no payment here. Start it with POST /api/plans/start-trial.',
    });
  }
  const outcome = await changeSubscription(deps, { accountId }, (state, context) =>
    decideUpgrade(state, { plan, cycle, ...(seats > 1 && { seats }), by }, context),
  );
  if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
  if (outcome.kind !== 'payment_required') {
    throw problem('conflict', { detail: 'The plan is in force. There is nothing to pay.' });
  }
  const { id, expiresAt } = await collectPayment(deps, outcome.request);
  return { url: paymentPageUrl(deps, id), expiresAt };
}

/** The page of what the account has to pay. @throws ProblemError `conflict` where that is nothing. */
export async function openPaymentPage(deps: HostedDeps, accountId: string): Promise<string> {
  const open = await findOpenRequest(deps.database, accountId);
  if (open !== undefined) return paymentPageUrl(deps, open.id);
  throw problem('conflict', {
    detail: 'The account has nothing to pay. Start with POST /api/billing/checkout.',
  });
}
