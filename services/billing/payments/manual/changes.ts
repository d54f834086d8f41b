/** Changes of subscriptions that billing renews itself: seats, cancellation, pause and the next invoice. */
import { findPlan } from '#libs/catalogue/plans.ts';
import type { InvoicePreviewWire, ProviderSubscriptionWire } from '#libs/contracts/billing.ts';
import { problem } from '#libs/problems/problems.ts';
import { type Cancellation, decideCancel } from '../../subscriptions/domain/decide-downgrade.ts';
import { decidePause, decideUnpause } from '../../subscriptions/domain/decide-pause.ts';
import { decideSeats } from '../../subscriptions/domain/decide-seats.ts';
import { nextInvoiceOf } from '../../subscriptions/domain/next-invoice.ts';
import { refusalProblem } from '../../subscriptions/domain/refusal.ts';
import { changeSubscription, readAccount } from '../../subscriptions/plugin.ts';
import { collectPayment } from '../collect.ts';
import { type PaymentRequest, presentRequestSummary } from '../domain.ts';
import type { HostedDeps } from '../hosted.ts';
import { paymentPageUrl } from './page.ts';

type Decide = Parameters<typeof changeSubscription>[2];

/** @throws ProblemError `payment_required` with the page of the payment request; more seats take effect once it is paid. */
export function changeSeatsManually(
  deps: HostedDeps,
  accountId: string,
  choice: { seats: number; by: string },
): Promise<ProviderSubscriptionWire> {
  return change(deps, accountId, (state, context) => decideSeats(state, choice, context));
}

export function cancelManually(
  deps: HostedDeps,
  accountId: string,
  cancellation: Cancellation,
): Promise<ProviderSubscriptionWire> {
  return change(deps, accountId, (state, context) => decideCancel(state, cancellation, context));
}

/** @throws ProblemError `payment_required` where the plan of a pause returns once its next period is paid. */
export function setPausedManually(
  deps: HostedDeps,
  accountId: string,
  { isPaused, by }: { isPaused: boolean; by: string },
): Promise<ProviderSubscriptionWire> {
  return change(
    deps,
    accountId,
    isPaused ? decidePause : (state, context) => decideUnpause(state, by, context),
  );
}

async function change(
  deps: HostedDeps,
  accountId: string,
  decide: Decide,
): Promise<ProviderSubscriptionWire> {
  const outcome = await changeSubscription(deps, { accountId }, decide);
  if (outcome.kind === 'refused') throw refusalProblem(outcome.refusal);
  if (outcome.kind === 'payment_required')
    throw paymentRequired(deps, await collectPayment(deps, outcome.request));
  const { subscription } = await readAccount(deps, accountId);
  const { status, seats, scheduledSeats, pausedTerms, cancelAtPeriodEnd } = subscription;
  const { currentPeriodStart: start, currentPeriodEnd: end } = subscription;
  return {
    status,
    seats,
    scheduled_seats: scheduledSeats,
    paused: pausedTerms !== null,
    cancel_at: cancelAtPeriodEnd ? end.toISOString() : null,
    current_period: { start: start.toISOString(), end: end.toISOString() },
  };
}

function paymentRequired(deps: HostedDeps, request: PaymentRequest) {
  return problem('payment_required', {
    detail: 'The change takes effect when the payment request is paid.',
    fields: {
      checkout_url: paymentPageUrl(deps, request.id),
      payment_request: presentRequestSummary(request),
    },
  });
}

/** What the next period will cost; null where nothing is due. */
export async function upcomingInvoice(
  deps: HostedDeps,
  accountId: string,
): Promise<InvoicePreviewWire | null> {
  const { database, catalogues } = deps;
  const { subscription, sold } = await readAccount(deps, accountId);
  const next = subscription.scheduledChange?.catalogueVersionId;
  const version = next === undefined ? sold : await catalogues.version(database, next);
  const invoice = nextInvoiceOf(subscription, new Map([sold, version].map((one) => [one.id, one])));
  if (invoice === null) return null;
  const { planKey, seats, amountMinor, periodStart, periodEnd } = invoice;
  const { catalogue } = invoice.catalogueVersionId === version.id ? version : sold;
  return {
    currency: catalogue.currency,
    subtotal_minor: amountMinor,
    total_minor: amountMinor,
    amount_due_minor: amountMinor,
    proration_at: null,
    lines: [
      {
        description: `${seats} × ${findPlan(catalogue, planKey)?.name ?? planKey}`,
        amount_minor: amountMinor,
        quantity: seats,
        period: { start: periodStart.toISOString(), end: periodEnd.toISOString() },
        proration: false,
      },
    ],
  };
}
