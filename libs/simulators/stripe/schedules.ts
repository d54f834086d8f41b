/** Subscription schedules: phases that change a subscription at a time. */
import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { invalid } from './fault.ts';
import { type Form, integer, list, needText, text } from './form.ts';
import { itemsOf, periodOf, requestedTerms } from './items.ts';
import { idOf, phaseObject, scheduleObject } from './subscription-objects.ts';

/** `from_subscription`: a schedule whose only phase is the current one. */
export function createSchedule(account: Account, form: Form): Stripe.SubscriptionSchedule {
  const { data } = account;
  const subscription = find(data.subscriptions, 'subscription', needText(form, 'from_subscription'));
  if (subscription.schedule !== null)
    throw invalid('You cannot migrate a subscription that is already attached to a schedule.');
  if (subscription.pending_update !== null)
    throw invalid('You cannot migrate a subscription with a pending update to a schedule.');
  const items = itemsOf(subscription).map(({ price, quantity }) => ({ price: price.id, quantity }));
  const phase = phaseObject({ ...periodOf(subscription), items });
  const created = nowOn(account, subscription.test_clock);
  const schedule = scheduleObject(
    { id: newId(account, 'sub_sched'), created },
    { subscription, phases: [phase] },
  );
  data.schedules[schedule.id] = schedule;
  subscription.schedule = schedule.id;
  emit(account, 'subscription_schedule.created', schedule, schedule.test_clock);
  emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
  return schedule;
}

export function updateSchedule(account: Account, schedule: Stripe.SubscriptionSchedule, form: Form): void {
  if (schedule.status !== 'active') throw invalid(`The schedule is ${schedule.status}.`);
  const asked = list(form, 'phases');
  if (asked.length > 0) {
    let start = schedule.phases[0]?.start_date ?? nowOn(account, schedule.test_clock);
    schedule.phases = asked.map((phase) => {
      const terms = requestedTerms(account, phase, 'items');
      const items = terms.map(({ price, quantity }) => ({ price: price.id, quantity }));
      start = integer(phase, 'start_date') ?? start;
      // Without an end the phase is the last one; it is released when it has begun.
      const end = integer(phase, 'end_date') ?? start + 1;
      const made = phaseObject({ items, start, end });
      start = end;
      return made;
    });
  }
  const behaviour = text(form, 'end_behavior');
  if (behaviour !== undefined) schedule.end_behavior = behaviour;
  emit(account, 'subscription_schedule.updated', schedule, schedule.test_clock);
}

export function releaseSchedule(account: Account, schedule: Stripe.SubscriptionSchedule): void {
  if (schedule.status !== 'active') throw invalid(`The schedule is ${schedule.status}.`);
  const at = nowOn(account, schedule.test_clock);
  const reference = schedule.subscription;
  const subscription = reference === null ? undefined : account.data.subscriptions[idOf(reference)];
  schedule.status = 'released';
  schedule.released_at = at;
  schedule.released_subscription = subscription?.id ?? null;
  schedule.subscription = null;
  schedule.current_phase = null;
  if (subscription !== undefined) {
    subscription.schedule = null;
    emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
  }
  emit(account, 'subscription_schedule.released', schedule, schedule.test_clock);
}

/** The phase that begins at `at`, if the subscription has a schedule with one. */
export function phaseAt(
  { data }: Account,
  subscription: Stripe.Subscription,
  at: number,
): { schedule: Stripe.SubscriptionSchedule; phase: Stripe.SubscriptionSchedule.Phase } | undefined {
  const schedule = subscription.schedule === null ? undefined : data.schedules[idOf(subscription.schedule)];
  const phase = schedule?.phases.find(({ start_date }, index) => index > 0 && start_date === at);
  return schedule === undefined || phase === undefined ? undefined : { schedule, phase };
}
