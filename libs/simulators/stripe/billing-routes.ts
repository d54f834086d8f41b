import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { monthsOf, periodAt } from './calendar.ts';
import { requestedOffers } from './discounts.ts';
import { declined, invalid } from './fault.ts';
import { group, integer, metadataOf, needText, text } from './form.ts';
import { invoiceObject } from './invoice-objects.ts';
import { createInvoice, customerOf, finalize, markUncollectible, voidInvoice } from './invoicing.ts';
import { type Item, itemsOf, itemsOfPhase, periodOf, requestedItems, requestedTerms } from './items.ts';
import { pay } from './paying.ts';
import { changeItems, periodLine } from './proration.ts';
import { type Call, pageOf, type Route } from './route.ts';
import { createSchedule, phaseAt, releaseSchedule, updateSchedule } from './schedules.ts';
import { idOf } from './subscription-objects.ts';
import { cancelSubscription, createSubscription, updateSubscription } from './subscriptions.ts';

const DAY = 86_400;

const subscriptionOf = ({ account, id }: Call) => find(account.data.subscriptions, 'subscription', id);
const scheduleOf = ({ account, id }: Call) => find(account.data.schedules, 'schedule', id);
const invoiceOf = ({ account, id }: Call) => find(account.data.invoices, 'invoice', id);

/** Subscriptions, schedules and invoices. */
export const BILLING_ROUTES: readonly Route[] = [
  ['POST', '/v1/subscriptions', create],
  ['GET', '/v1/subscriptions/:id', subscriptionOf],
  [
    'POST',
    '/v1/subscriptions/:id',
    (call) => {
      const subscription = subscriptionOf(call);
      updateSubscription(call.account, subscription, call.form);
      return subscription;
    },
  ],
  [
    'DELETE',
    '/v1/subscriptions/:id',
    (call) => {
      const subscription = subscriptionOf(call);
      cancelSubscription(call.account, subscription, call.form);
      return subscription;
    },
  ],
  [
    'GET',
    '/v1/subscriptions',
    ({ account, form }) => {
      const customer = text(form, 'customer');
      const status = text(form, 'status');
      const rows = Object.values(account.data.subscriptions).filter(
        (one) =>
          (customer === undefined || idOf(one.customer) === customer) &&
          (status === undefined ? one.status !== 'canceled' : status === 'all' || one.status === status),
      );
      return pageOf(rows, form, '/v1/subscriptions');
    },
  ],
  ['POST', '/v1/subscription_schedules', ({ account, form }) => createSchedule(account, form)],
  ['GET', '/v1/subscription_schedules/:id', scheduleOf],
  [
    'POST',
    '/v1/subscription_schedules/:id',
    (call) => {
      const schedule = scheduleOf(call);
      updateSchedule(call.account, schedule, call.form);
      return schedule;
    },
  ],
  [
    'POST',
    '/v1/subscription_schedules/:id/release',
    (call) => {
      const schedule = scheduleOf(call);
      releaseSchedule(call.account, schedule);
      return schedule;
    },
  ],
  ['POST', '/v1/invoices/create_preview', preview],
  ['POST', '/v1/invoices', ({ account, form }) => createInvoice(account, form)],
  ['GET', '/v1/invoices/:id', invoiceOf],
  [
    'GET',
    '/v1/invoices',
    ({ account, form }) => {
      const [customer, status, subscription] = [
        text(form, 'customer'),
        text(form, 'status'),
        text(form, 'subscription'),
      ];
      const rows = Object.values(account.data.invoices).filter(
        (one) =>
          (customer === undefined || (one.customer !== null && idOf(one.customer) === customer)) &&
          (status === undefined || one.status === status) &&
          (subscription === undefined || one.parent?.subscription_details?.subscription === subscription),
      );
      return pageOf(rows, form, '/v1/invoices');
    },
  ],
  [
    'POST',
    '/v1/invoices/:id/pay',
    (call) => {
      const invoice = invoiceOf(call);
      const outcome = pay(call.account, invoice, { method: text(call.form, 'payment_method') });
      if (outcome !== 'paid') throw declined();
      return invoice;
    },
  ],
  [
    'POST',
    '/v1/invoices/:id/finalize',
    (call) => {
      const invoice = invoiceOf(call);
      finalize(call.account, invoice);
      return invoice;
    },
  ],
  [
    'POST',
    '/v1/invoices/:id/void',
    (call) => {
      const invoice = invoiceOf(call);
      voidInvoice(call.account, invoice);
      return invoice;
    },
  ],
  [
    'POST',
    '/v1/invoices/:id/mark_uncollectible',
    (call) => {
      const invoice = invoiceOf(call);
      markUncollectible(call.account, invoice);
      return invoice;
    },
  ],
];

function create({ account, form }: Call): Stripe.Subscription {
  const { data } = account;
  const customer = find(data.customers, 'customer', needText(form, 'customer'));
  const trialDays = integer(form, 'trial_period_days') ?? 0;
  const now = nowOn(account, customer.test_clock);
  const subscription = createSubscription(account, {
    customer,
    items: requestedTerms(account, form, 'items'),
    trialEnd: trialDays > 0 ? now + trialDays * DAY : null,
    metadata: metadataOf(form),
    offers: requestedOffers(account, form, now),
    paymentMethod: text(form, 'default_payment_method') ?? null,
  });
  if (subscription.status === 'active')
    emit(account, 'customer.subscription.updated', subscription, customer.test_clock);
  return subscription;
}

/** The invoice that a change would cause, or the next one. Nothing is stored. */
function preview({ account, form }: Call): Stripe.Invoice {
  const { data } = account;
  const id = text(form, 'subscription');
  if (id === undefined) throw invalid('The simulator previews subscriptions.', 'subscription');
  const subscription = find(data.subscriptions, 'subscription', id);
  const details = group(form, 'subscription_details') ?? {};
  const wanted = requestedItems(account, subscription, details);
  const at = integer(details, 'proration_date') ?? nowOn(account, subscription.test_clock);
  const behaviour = text(details, 'proration_behavior') ?? 'create_prorations';
  const current = periodOf(subscription);
  const change =
    wanted === null
      ? null
      : changeItems(account, subscription, wanted, { at, prorate: behaviour !== 'none' });
  const isImmediate = change !== null && behaviour === 'always_invoice';
  if (change === null && subscription.cancel_at_period_end)
    throw invalid('No upcoming invoices for customer', 'subscription');
  const end = change?.period.end ?? current.end;
  const anchor = change?.anchor ?? subscription.billing_cycle_anchor;
  const upcoming = isImmediate ? [] : upcomingLines(account, subscription, { wanted, anchor, end });
  return invoiceOfPreview(account, subscription, [...(change?.lines ?? []), ...upcoming], {
    reason: isImmediate ? 'subscription_update' : 'upcoming',
    period: { start: current.start, end },
    at,
  });
}

/** The lines of the next period: of these items, else of what is scheduled, else of what there is. */
function upcomingLines(
  account: Account,
  subscription: Stripe.Subscription,
  { wanted, anchor, end }: { wanted: Item[] | null; anchor: number; end: number },
): Stripe.InvoiceLineItem[] {
  const scheduled = wanted === null ? phaseAt(account, subscription, end) : undefined;
  const before = wanted ?? itemsOf(subscription);
  const items = scheduled === undefined ? before : itemsOfPhase(account, subscription, scheduled.phase);
  const [months = 1, monthsBefore = 1] = [items, before].map(([item]) => item && monthsOf(item.price));
  const period = periodAt(months === monthsBefore ? anchor : end, months, end);
  return items.map((item) => periodLine(account, subscription, item, period));
}

function invoiceOfPreview(
  account: Account,
  subscription: Stripe.Subscription,
  lines: Stripe.InvoiceLineItem[],
  of: { reason: string; period: { start: number; end: number }; at: number },
): Stripe.Invoice {
  const customer = customerOf(account, subscription);
  const invoice = invoiceObject(
    { id: newId(account, 'upcoming_in'), created: nowOn(account, subscription.test_clock) },
    {
      customer,
      subscription,
      reason: of.reason,
      lines,
      period: of.period,
      finalizesAt: null,
      url: account.url,
      prorationDate: of.at,
    },
  );
  const due = invoice.total + customer.balance;
  invoice.amount_due = Math.max(due, 0);
  invoice.amount_remaining = invoice.amount_due;
  return invoice;
}
