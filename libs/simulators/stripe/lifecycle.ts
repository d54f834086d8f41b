/** What time does: trials end, periods renew, cards are tried again, sessions expire. */
import type Stripe from 'stripe';
import { type Account, accountMs, emit, type TestClockReference } from './account.ts';
import { DAY, monthsOf, periodAt } from './calendar.ts';
import { endDiscounts, nextDiscountEnd } from './discounts.ts';
import { draftInvoice, endSubscription, finalize, subscriptionOf, voidInvoice } from './invoicing.ts';
import { itemsOf, itemsOfPhase, periodOf } from './items.ts';
import { pay, setItems } from './paying.ts';
import { debitPeriod } from './proration.ts';
import { phaseAt, releaseSchedule } from './schedules.ts';
import { idOf } from './subscription-objects.ts';
import { expirePendingUpdate } from './subscriptions.ts';

const RENEWING = ['trialing', 'active', 'past_due', 'unpaid'];
const ANNOUNCE_TRIAL_SECONDS = 3 * DAY;
const ANNOUNCE_RENEWAL_SECONDS = 7 * DAY;

type Due = { at: number; run: () => void };

/** Everything that happens on a clock until `until`, in order of time. @returns whether something did. */
export function runUntil(account: Account, clock: string | null, until: number): boolean {
  const isOnClock = (reference: TestClockReference) => (reference == null ? null : idOf(reference)) === clock;
  let hasRun = false;
  try {
    for (;;) {
      const due = nextDue(account, isOnClock);
      if (due === undefined || due.at > until) return hasRun;
      account.pinned = due.at;
      due.run();
      hasRun = true;
    }
  } finally {
    account.pinned = null;
  }
}

/** Moves the account's own clock forward. */
export function advanceAccount(account: Account, toMs: number): void {
  const byMs = toMs - accountMs(account);
  if (byMs < 0) return;
  runUntil(account, null, Math.floor(toMs / 1000));
  account.data.offsetMs += byMs;
}

export function advanceTestClock(account: Account, clock: Stripe.TestHelpers.TestClock, to: number): void {
  runUntil(account, clock.id, to);
  clock.frozen_time = to;
  clock.status = 'ready';
  emit(account, 'test_helpers.test_clock.ready', clock, clock.id);
}

function nextDue(account: Account, isOnClock: (reference: TestClockReference) => boolean): Due | undefined {
  let next: Due | undefined;
  const offer = (at: number | null, run: () => void) => {
    if (at !== null && (next === undefined || at < next.at)) next = { at, run };
  };
  const { data } = account;
  for (const invoice of Object.values(data.invoices)) {
    if (!isOnClock(invoice.test_clock)) continue;
    if (invoice.status === 'draft')
      offer(invoice.automatically_finalizes_at, () => collect(account, invoice));
    if (invoice.status === 'open') offer(invoice.next_payment_attempt, () => void pay(account, invoice));
  }
  for (const subscription of Object.values(data.subscriptions)) {
    if (!isOnClock(subscription.test_clock) || !RENEWING.includes(subscription.status)) continue;
    offerSubscription(account, subscription, offer);
  }
  for (const session of Object.values(data.checkoutSessions)) {
    const customer = session.customer === null ? undefined : data.customers[idOf(session.customer)];
    if (session.status !== 'open' || !isOnClock(customer?.test_clock)) continue;
    offer(session.expires_at, () => {
      session.status = 'expired';
      session.url = null;
      emit(account, 'checkout.session.expired', session);
    });
  }
  return next;
}

function offerSubscription(
  account: Account,
  subscription: Stripe.Subscription,
  offer: (at: number | null, run: () => void) => void,
): void {
  const { data } = account;
  const { end } = periodOf(subscription);
  // A discount that ends with the period does not cover the next one.
  offer(nextDiscountEnd(account, subscription), () => endDiscounts(account, subscription));
  offer(end, () => renew(account, subscription));
  if (subscription.pending_update !== null) {
    offer(subscription.pending_update.expires_at, () => expirePendingUpdate(account, subscription));
  }
  const { trial_end: trialEnd, id } = subscription;
  if (subscription.status === 'trialing' && trialEnd !== null && data.announcedTrials[id] === undefined) {
    offer(Math.max(trialEnd - ANNOUNCE_TRIAL_SECONDS, subscription.created), () => {
      data.announcedTrials[id] = true;
      emit(account, 'customer.subscription.trial_will_end', subscription, subscription.test_clock);
    });
  }
  if (data.announcedRenewals[id] !== end && !subscription.cancel_at_period_end) {
    offer(Math.max(end - ANNOUNCE_RENEWAL_SECONDS, subscription.created), () => {
      data.announcedRenewals[id] = end;
      // An upcoming invoice has no id.
      emit(
        account,
        'invoice.upcoming',
        {
          object: 'invoice',
          customer: subscription.customer,
          parent: {
            type: 'subscription_details',
            quote_details: null,
            subscription_details: { metadata: subscription.metadata, subscription: id },
          },
        },
        subscription.test_clock,
      );
    });
  }
}

function renew(account: Account, subscription: Stripe.Subscription): void {
  const { end: at } = periodOf(subscription);
  if (
    subscription.cancel_at_period_end ||
    (subscription.cancel_at !== null && subscription.cancel_at <= at)
  ) {
    endSubscription(account, subscription, 'cancellation_requested');
    return;
  }
  const scheduled = phaseAt(account, subscription, at);
  const [months = 1] = itemsOf(subscription).map(({ price }) => monthsOf(price));
  if (scheduled !== undefined) {
    const items = itemsOfPhase(account, subscription, scheduled.phase);
    setItems(account, subscription, items, { at, invoice: '', prorate: false });
  }
  const [nextMonths = months] = itemsOf(subscription).map(({ price }) => monthsOf(price));
  if (nextMonths !== months) subscription.billing_cycle_anchor = at;
  const period = periodAt(subscription.billing_cycle_anchor, nextMonths, at);
  for (const item of subscription.items.data) {
    item.current_period_start = period.start;
    item.current_period_end = period.end;
  }
  if (subscription.status === 'trialing') subscription.status = 'active';
  const lines = debitPeriod(account, subscription, period);
  // Active comes first: the invoice is collected an hour later.
  emit(account, 'customer.subscription.updated', subscription, subscription.test_clock);
  const invoice = draftInvoice(account, subscription, {
    reason: 'subscription_cycle',
    lines,
    period,
    finalizesLater: true,
  });
  if (invoice !== undefined && subscription.status === 'unpaid') invoice.automatically_finalizes_at = null;
  if (scheduled?.schedule.end_behavior === 'release') releaseSchedule(account, scheduled.schedule);
}

function collect(account: Account, invoice: Stripe.Invoice): void {
  const subscription = subscriptionOf(account, invoice);
  const pause = subscription?.pause_collection ?? null;
  if (pause?.behavior === 'keep_as_draft') {
    invoice.automatically_finalizes_at = null;
    return;
  }
  finalize(account, invoice);
  if (pause !== null) voidInvoice(account, invoice);
  else if (invoice.status === 'open') pay(account, invoice);
}
