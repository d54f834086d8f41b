import type { PaymentDraft } from '../../payments/domain.ts';
import { choosablePlans, findChoosablePlan } from '../../plans/domain/offer.ts';
import {
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
import { requestPayment, requestRenewal, voidOpenRequest } from './payment-requests.ts';
import type { Cycle } from './period.ts';
import { type PlanChange, paidMinorOf, planChangeOf } from './plan-change.ts';
import { directionRefusal, MANAGED_BY_PROVIDER, unknownPlan } from './refusal.ts';
import { openRequestOf, type SubscriptionState, soldVersion } from './state.ts';
import { paidSeatsOf, storedSeats } from './subscription.ts';
import { daysLater, paidFor, placedOn } from './transitions.ts';
import { leaveTrial } from './trial-end.ts';

export type PlanChoice = {
  plan: string;
  cycle?: Cycle | undefined;
  /** The seats that the account has by default. */
  seats?: number | undefined;
  by: string;
};

/** A free upgrade takes effect at once; any other requires its payment first. Deciding again requests no second one. */
export function decideUpgrade(
  state: SubscriptionState,
  { plan, cycle, seats, by }: PlanChoice,
  context: DecisionContext,
): Decision {
  const { subscription, offered } = state;
  const { now } = context;
  if (subscription.externalId !== null) return refuse(state, MANAGED_BY_PROVIDER);
  const target = findChoosablePlan(offered.catalogue, plan);
  if (target === undefined) return refuse(state, unknownPlan(plan, choosablePlans(offered.catalogue)));
  const change = planChangeOf({ subscription, sold: soldVersion(state), offered, target, cycle, seats, now });
  if (subscription.status === 'past_due' && change.refusal === 'already_on_plan') {
    return requirePayment(requestRenewal(beginChange(state), { at: now, note: 'replaced' }, context));
  }
  if (change.direction !== 'upgrade' || change.refusal !== null) {
    return refuse(state, directionRefusal(change, 'upgrade'));
  }
  if (change.effective === 'now') return decide(upgradeNow(state, change, by, context));
  return requirePayment(requestChange(state, change, by, context));
}

/** Requests the payment of a change that takes effect with it. */
export function requestChange(
  state: SubscriptionState,
  change: PlanChange,
  by: string,
  context: DecisionContext,
): Change {
  return requestPayment(beginChange(state), draftOf(state, change, context), { by, context });
}

/** Nothing changes before the open request is paid. */
export function requirePayment(change: Change): Decision {
  const request = openRequestOf(change.state);
  if (request === undefined) throw new RangeError('A required payment has an open request.');
  return decide(change, { kind: 'payment_required', request });
}

function draftOf(
  state: SubscriptionState,
  { payment, target, version, cycle, seats }: PlanChange,
  { now, requestDays }: DecisionContext,
): PaymentDraft {
  if (payment === null) throw new RangeError('A free change needs no payment.');
  const { subscription } = state;
  const deadline = daysLater(now, requestDays);
  const isCredited = paidMinorOf(subscription, soldVersion(state)) > 0;
  const { currentPeriodEnd } = subscription;
  return {
    ...payment,
    catalogueVersionId: version.id,
    planKey: target.key,
    cycle,
    seats: storedSeats(seats),
    currency: version.catalogue.currency,
    // The credit for the rest of a period is worth nothing once the period has ended.
    expiresAt: isCredited && currentPeriodEnd < deadline ? currentPeriodEnd : deadline,
  };
}

/** More seats that cost nothing, such as in the last second of a period. */
export function upgradeSeatsNow(
  state: SubscriptionState,
  { seats }: PlanChange,
  by: string,
  { now: at }: DecisionContext,
): Change {
  const { subscription } = state;
  const voided = voidOpenRequest(beginChange(state), { at, by, note: 'the seats have changed' });
  const more = { ...subscription, seats: storedSeats(seats), scheduledSeats: null };
  const data = { seats, before: paidSeatsOf(subscription) };
  return addEvent(updateState(voided, { subscription: more }), { kind: 'seats_changed', at, data });
}

function upgradeNow(
  state: SubscriptionState,
  { target, version, cycle, seats, payment }: PlanChange,
  by: string,
  { now: at, graceMs }: DecisionContext,
): Change {
  const { subscription: current } = state;
  const plan = { planKey: target.key, cycle, catalogueVersionId: version.id };
  const subscription =
    payment === null
      ? placedOn(current, { ...plan, complimentary: false }, at)
      : paidFor(
          current,
          { ...plan, seats: storedSeats(seats), kind: payment.kind },
          { startsAt: at, graceMs },
        );
  const voided = voidOpenRequest(beginChange(state), { at, by, note: 'the plan has changed' });
  return addNotice(updateState(leaveTrial(voided, at, false), { subscription }), {
    kind: 'plan_changed',
    at,
    data: { from: current.planKey, to: subscription.planKey, reason: 'upgrade' },
  });
}
