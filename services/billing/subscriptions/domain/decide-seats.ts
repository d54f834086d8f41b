import { isFree } from '../../plans/domain/offer.ts';
import { requestChange, requirePayment, upgradeSeatsNow } from './decide-upgrade.ts';
import {
  addEvent,
  beginChange,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
  refuse,
  updateState,
} from './decision.ts';
import { requestRenewal, voidOpenRequest } from './payment-requests.ts';
import { ownPlan, seatChangeOf } from './plan-change.ts';
import { MANAGED_BY_PROVIDER, type Refusal } from './refusal.ts';
import { openRequestOf, type SubscriptionState, soldVersion } from './state.ts';
import { paidSeatsOf } from './subscription.ts';

/** Why the account has nothing that it pays for to billing itself; null where it has. */
export function unpaidPlanRefusal(state: SubscriptionState): Refusal | null {
  const { subscription } = state;
  if (subscription.externalId !== null) return MANAGED_BY_PROVIDER;
  const isPaidFor = !subscription.complimentary && !isFree(ownPlan(subscription, soldVersion(state)));
  return isPaidFor ? null : { code: 'plan_change_not_allowed', reason: 'nothing_paid' };
}

/**
 * More seats take effect when the rest of the period is paid, fewer when the period ends. While the current period is
 * unpaid, its payment is required first.
 */
export function decideSeats(
  state: SubscriptionState,
  { seats, by }: { seats: number; by: string },
  context: DecisionContext,
): Decision {
  const refusal = unpaidPlanRefusal(state);
  if (refusal !== null) return refuse(state, refusal);
  const { subscription } = state;
  const { now: at } = context;
  if (subscription.status === 'past_due') {
    return requirePayment(requestRenewal(beginChange(state), { at, note: 'replaced' }, context));
  }
  const change = seatChangeOf({ subscription, sold: soldVersion(state), seats, now: at });
  if (change.direction === 'downgrade') return scheduleSeats(state, seats, { by, at });
  if (change.effective === 'now') return decide(upgradeSeatsNow(state, change, by, context));
  return requirePayment(requestChange(state, change, by, context));
}

function scheduleSeats(
  state: SubscriptionState,
  seats: number,
  { by, at }: { by: string; at: Date },
): Decision {
  const { subscription: current } = state;
  const isCurrent = seats === paidSeatsOf(current);
  const scheduledSeats = isCurrent ? null : seats;
  const open = openRequestOf(state);
  const isForSeats = open?.kind === 'rest_of_period' && open.planKey === current.planKey;
  if (scheduledSeats === current.scheduledSeats && !isForSeats) return keepSubscription(state);
  // More seats that are not paid yet are no longer wanted.
  const begun = isForSeats
    ? voidOpenRequest(beginChange(state), { at, by, note: 'replaced' })
    : beginChange(state);
  const change = updateState(begun, { subscription: { ...current, scheduledSeats } });
  const effective_at = current.currentPeriodEnd.toISOString();
  const data = { from: current.planKey, to: current.planKey, seats, effective_at };
  return decide(isCurrent ? change : addEvent(change, { kind: 'change_scheduled', at, data }));
}
