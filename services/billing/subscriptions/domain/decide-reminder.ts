import {
  addNotice,
  beginChange,
  type Decision,
  type DecisionContext,
  decide,
  keepSubscription,
} from './decision.ts';
import type { SubscriptionState } from './state.ts';
import { daysLater } from './transitions.ts';

/** How long before the end of an unpaid plan its contacts are reminded. */
export const REMINDER_DAYS = 1;

/** Reminds an account whose plan ends soon because its period is not paid, once for each end. */
export function decideReminder(state: SubscriptionState, { now: at }: DecisionContext): Decision {
  const { status, accessEndsAt, planKey } = state.subscription;
  if (status !== 'past_due' || accessEndsAt === null || accessEndsAt > daysLater(at, REMINDER_DAYS)) {
    return keepSubscription(state);
  }
  const ends = accessEndsAt.toISOString();
  const data = { plan: planKey, access_ends_at: ends };
  const event = { kind: 'payment_reminder', subject: ends, at, data } as const;
  return decide(addNotice(beginChange(state), event), { kind: 'unchanged' });
}
