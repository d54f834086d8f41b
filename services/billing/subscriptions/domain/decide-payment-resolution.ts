import type { Actor } from '#libs/contracts/audit-entry.ts';
import type { PaymentRequest, PaymentResolution } from '../../payments/domain.ts';
import { movedLike } from './catalogue-move.ts';
import {
  addEffects,
  addEvent,
  addNotice,
  beginChange,
  type Change,
  type Decision,
  type DecisionContext,
  decide,
  refuse,
  updateState,
} from './decision.ts';
import { eventDataOf, resolveRequest } from './payment-requests.ts';
import { ownPlan, paidMinorOf } from './plan-change.ts';
import { type SubscriptionState, soldVersion } from './state.ts';
import { paidSeatsOf, type Subscription } from './subscription.ts';
import { paidFor } from './transitions.ts';
import { leaveTrial } from './trial-end.ts';

export type PaymentResolutionInput = {
  requestId: string;
  status: 'paid' | 'void';
  note: string;
  /** A user's id, or the driver that reports the payment. */
  by: string;
  /** Set where staff resolve the request, which is audited. */
  staff: Actor | null;
};

/** A paid request takes effect at once. Resolving a request in the same way again changes nothing. */
export function decidePaymentResolution(
  state: SubscriptionState,
  { requestId, status, note, by, staff }: PaymentResolutionInput,
  context: DecisionContext,
): Decision {
  const request = state.paymentRequests.find(({ id }) => id === requestId);
  if (request === undefined) return refuse(state, { code: 'unknown_payment_request' });
  if (request.status === status) return decide(beginChange(state), { kind: 'payment_resolved', request });
  if (request.status === 'void') return refuse(state, { code: 'payment_request_void', note: request.note });
  if (request.status === 'paid') return refuse(state, { code: 'payment_request_paid' });
  const resolution = { at: context.now, by, note };
  const bought = status === 'paid' ? boughtBy(request, state, context) : null;
  const paidPeriod = bought === null ? request : withPeriod(request, bought);
  const resolved = resolveRequest(beginChange(state), paidPeriod, status, resolution);
  const audited =
    staff === null ? resolved : auditResolution(resolved, request, { status, staff, resolution });
  const applied = bought === null ? audited : applyPurchase(audited, request, bought, context);
  const after = applied.state.paymentRequests.find(({ id }) => id === requestId) ?? request;
  return decide(applied, { kind: 'payment_resolved', request: after });
}

function auditResolution(
  change: Change,
  request: PaymentRequest,
  { status, staff, resolution }: { status: 'paid' | 'void'; staff: Actor; resolution: PaymentResolution },
): Change {
  const terms = { payment_request: request.id, ...eventDataOf(request) };
  return addEffects(change, {
    kind: 'audit',
    entry: {
      by: staff,
      at: resolution.at,
      action: status === 'paid' ? 'payment.marked_paid' : 'payment.voided',
      before: { ...terms, status: 'open' },
      after: { ...terms, status },
      reason: resolution.note,
    },
  });
}

/** The subscription with what the request buys. */
function boughtBy(
  request: PaymentRequest,
  state: SubscriptionState,
  { now, graceMs }: DecisionContext,
): Subscription {
  const { subscription: current, offered, versions } = state;
  // A credit was computed at the time of the request, so the period it pays for starts then.
  const startsAt = paidMinorOf(current, soldVersion(state)) > 0 ? request.createdAt : now;
  return movedLike(current, paidFor(current, request, { startsAt, graceMs }), offered, versions);
}

/** A new period is known once it is paid. */
function withPeriod(request: PaymentRequest, bought: Subscription): PaymentRequest {
  if (request.kind !== 'new_period') return request;
  return { ...request, periodStart: bought.currentPeriodStart, periodEnd: bought.currentPeriodEnd };
}

function applyPurchase(
  change: Change,
  request: PaymentRequest,
  subscription: Subscription,
  { now: at }: DecisionContext,
): Change {
  const { subscription: current } = change.state;
  const sold = soldVersion(change.state);
  if (request.kind === 'renewal') {
    const { planKey, currentPeriodStart, currentPeriodEnd } = subscription;
    return addEvent(updateState(change, { subscription }), {
      kind: 'renewed',
      subject: request.id,
      at,
      data: {
        plan: planKey,
        period_start: currentPeriodStart.toISOString(),
        period_end: currentPeriodEnd.toISOString(),
      },
    });
  }
  if (isForSeats(request, current)) return applySeats(change, subscription, at);
  const converted = leaveTrial(addEffects(change, { kind: 'trial_converted', at }), at, true);
  return addNotice(updateState(converted, { subscription }), {
    kind: 'plan_changed',
    at,
    data: { from: ownPlan(current, sold).key, to: subscription.planKey, reason: 'upgrade' },
  });
}

/** Whether a request buys more seats of the plan that the account has. */
function isForSeats({ kind, planKey, cycle }: PaymentRequest, current: Subscription): boolean {
  return kind === 'rest_of_period' && planKey === current.planKey && cycle === current.cycle;
}

/** A smaller plan, a cancellation and a pause that were scheduled stay. */
function applySeats(change: Change, { seats, periodPaidMinor }: Subscription, at: Date): Change {
  const { subscription: current } = change.state;
  const subscription = { ...current, seats, periodPaidMinor, scheduledSeats: null };
  const data = { seats: paidSeatsOf(subscription), before: paidSeatsOf(current) };
  return addEvent(updateState(change, { subscription }), { kind: 'seats_changed', at, data });
}
