/** Steps of a decision that request payments, and that resolve requests. */
import {
  type PaymentDraft,
  type PaymentRequest,
  type PaymentResolution,
  requestsSame,
} from '../../payments/domain.ts';
import type { EventData } from './billing-event.ts';
import { addEffects, addEvent, type Change, type DecisionContext, updateState } from './decision.ts';
import { ownPlan } from './plan-change.ts';
import { openRequestOf, soldVersion } from './state.ts';
import type { Subscription } from './subscription.ts';
import { renewalMinorOf } from './transitions.ts';

/** The actor of changes that only time causes. */
export const SYSTEM_ACTOR = 'billing';

/** @param at when it is requested; there must be no open request. */
export function addPaymentRequest(
  change: Change,
  draft: PaymentDraft,
  at: Date,
  { newId, driver }: DecisionContext,
): Change {
  const { paymentRequests, subscription } = change.state;
  const request: PaymentRequest = {
    ...draft,
    id: newId(),
    accountId: subscription.accountId,
    status: 'open',
    driver,
    driverReference: null,
    instructions: null,
    ...requestedPeriod(draft, subscription, at),
    createdAt: at,
    settledAt: null,
    settledBy: null,
    note: null,
  };
  const requested = addEffects(change, { kind: 'payment_requested', request });
  return addEvent(updateState(requested, { paymentRequests: [...paymentRequests, request] }), {
    kind: 'payment_requested',
    subject: request.id,
    at,
    data: eventDataOf(request),
  });
}

function requestedPeriod(
  { kind }: PaymentDraft,
  { currentPeriodStart, currentPeriodEnd }: Subscription,
  at: Date,
): Pick<PaymentRequest, 'periodStart' | 'periodEnd'> {
  if (kind === 'new_period') return { periodStart: null, periodEnd: null };
  return { periodStart: kind === 'renewal' ? currentPeriodStart : at, periodEnd: currentPeriodEnd };
}

/** Requests a payment once: an open request for the same purchase stays, any other open one is voided. */
export function requestPayment(
  change: Change,
  draft: PaymentDraft,
  { by, context }: { by: string; context: DecisionContext },
): Change {
  const open = openRequestOf(change.state);
  if (open !== undefined && requestsSame(open, draft)) return change;
  const { now: at } = context;
  return addPaymentRequest(voidOpenRequest(change, { at, by, note: 'replaced' }), draft, at, context);
}

/** Requests the price of the current period. An open request for anything else is voided with `note`. */
export function requestRenewal(
  change: Change,
  { at, note }: { at: Date; note: string },
  context: DecisionContext,
): Change {
  if (openRequestOf(change.state)?.kind === 'renewal') return change;
  const { subscription } = change.state;
  const sold = soldVersion(change.state);
  const draft: PaymentDraft = {
    kind: 'renewal',
    catalogueVersionId: sold.id,
    planKey: ownPlan(subscription, sold).key,
    cycle: subscription.cycle,
    seats: subscription.seats,
    amountMinor: renewalMinorOf(subscription, sold),
    currency: sold.catalogue.currency,
    expiresAt: subscription.accessEndsAt ?? subscription.currentPeriodEnd,
  };
  return addPaymentRequest(voidOpenRequest(change, { at, by: SYSTEM_ACTOR, note }), draft, at, context);
}

export function voidOpenRequest(change: Change, resolution: PaymentResolution): Change {
  const open = openRequestOf(change.state);
  return open === undefined ? change : resolveRequest(change, open, 'void', resolution);
}

/** Marks an open request as paid or void. What the payment buys is for the caller to decide. */
export function resolveRequest(
  change: Change,
  open: PaymentRequest,
  status: 'paid' | 'void',
  { at, by, note }: PaymentResolution,
): Change {
  const request: PaymentRequest = { ...open, status, settledAt: at, settledBy: by, note };
  const paymentRequests = change.state.paymentRequests.map((one) => (one.id === open.id ? request : one));
  const resolved = addEffects(updateState(change, { paymentRequests }), {
    kind: 'payment_resolved',
    request,
  });
  return addEvent(resolved, {
    kind: status === 'paid' ? 'payment_received' : 'payment_voided',
    subject: open.id,
    at,
    data: { ...eventDataOf(open), ...(status === 'void' && { note }) },
  });
}

export function eventDataOf({ kind, planKey, cycle, seats, amountMinor }: PaymentRequest): EventData {
  return { payment: kind, plan: planKey, cycle, ...(seats !== null && { seats }), amount_minor: amountMinor };
}
