/** Lines of an invoice, in flexible billing: credits come from what was debited, not from prices. */
import type Stripe from 'stripe';
import { type Account, newId } from './account.ts';
import { monthsOf, periodAt } from './calendar.ts';
import type { Debit } from './data.ts';
import { discountOn } from './discounts.ts';
import { invalid } from './fault.ts';
import { lineObject } from './invoice-objects.ts';
import { idOf, type Period } from './subscription-objects.ts';

export type ItemTerms = { price: Stripe.Price; quantity: number };

/** What an item change debits and credits, and the item's period afterwards. */
export type ItemChange = {
  lines: Stripe.InvoiceLineItem[];
  /** In force for the item once the change is made. */
  debits: Debit[];
  period: Period;
  anchor: number;
};

export function onlyItem(subscription: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = subscription.items.data;
  if (item === undefined) throw invalid('The subscription has no item.');
  return item;
}

export function productName({ data }: Account, price: Stripe.Price): string {
  return data.products[idOf(price.product)]?.name ?? 'Product';
}

/** The line for a whole period. */
export function periodLine(
  account: Account,
  subscription: Stripe.Subscription,
  item: { id: string } & ItemTerms,
  period: Period,
): Stripe.InvoiceLineItem {
  const { price, quantity } = item;
  const amount = (price.unit_amount ?? 0) * quantity;
  return lineObject(newId(account, 'il'), {
    amount,
    price,
    product: idOf(price.product),
    quantity,
    period,
    description: `${quantity} × ${productName(account, price)}`,
    proration: false,
    subscription: subscription.id,
    item: item.id,
    credited: null,
    discount: discountOn(account, subscription, amount),
  });
}

export function netOf(line: Stripe.InvoiceLineItem): number {
  return line.amount - (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
}

export function debitOf(line: Stripe.InvoiceLineItem, item: ItemTerms, invoice: string): Debit {
  return {
    amount: netOf(line),
    start: line.period.start,
    end: line.period.end,
    description: `${item.quantity} × ${line.description ?? ''}`,
    price: item.price.id,
    quantity: item.quantity,
    invoice,
    line: line.id,
  };
}

/** A new price or quantity from `at` on. A price with another interval begins a new period. */
export function changeItem(
  account: Account,
  subscription: Stripe.Subscription,
  terms: ItemTerms,
  { at, prorate }: { at: number; prorate: boolean },
): ItemChange {
  const item = onlyItem(subscription);
  const isNewInterval = monthsOf(terms.price) !== monthsOf(item.price);
  const isTrial = subscription.status === 'trialing';
  const period =
    isNewInterval && !isTrial
      ? periodAt(at, monthsOf(terms.price), at)
      : { start: item.current_period_start, end: item.current_period_end };
  const anchor = isNewInterval && !isTrial ? at : subscription.billing_cycle_anchor;
  const debits = account.data.debits[subscription.id] ?? [];
  if (!prorate || isTrial) return { lines: [], debits, period, anchor };

  const credits = debits
    .filter(({ start, end, amount }) => start <= at && at < end && amount > 0)
    .map((debit) => creditLine(account, subscription, item, debit, at));
  const full = (terms.price.unit_amount ?? 0) * terms.quantity;
  const share = isNewInterval ? 1 : (period.end - at) / (period.end - period.start);
  const amount = Math.round(full * share);
  const debit = lineObject(newId(account, 'il'), {
    amount,
    price: terms.price,
    product: idOf(terms.price.product),
    quantity: terms.quantity,
    period: { start: at, end: period.end },
    description: `Remaining time on ${terms.quantity} × ${productName(account, terms.price)}`,
    proration: !isNewInterval,
    subscription: subscription.id,
    item: item.id,
    credited: null,
    discount: discountOn(account, subscription, amount),
  });
  return { lines: [...credits, debit], debits: [debitOf(debit, terms, '')], period, anchor };
}

function creditLine(
  account: Account,
  subscription: Stripe.Subscription,
  item: Stripe.SubscriptionItem,
  debit: Debit,
  at: number,
): Stripe.InvoiceLineItem {
  const unused = (debit.end - at) / (debit.end - debit.start);
  return lineObject(newId(account, 'il'), {
    amount: -Math.round(debit.amount * unused),
    price: item.price,
    product: idOf(item.price.product),
    quantity: debit.quantity,
    period: { start: at, end: debit.end },
    description: `Unused time on ${debit.quantity} × ${productName(account, item.price)}`,
    proration: true,
    subscription: subscription.id,
    item: item.id,
    credited: { invoice: debit.invoice, lines: [debit.line] },
    discount: null,
  });
}

/** Credits for everything that is paid beyond `at`. */
export function creditUnused(
  account: Account,
  subscription: Stripe.Subscription,
  at: number,
): Stripe.InvoiceLineItem[] {
  const item = onlyItem(subscription);
  return (account.data.debits[subscription.id] ?? [])
    .filter(({ start, end, amount }) => start <= at && at < end && amount > 0)
    .map((debit) => creditLine(account, subscription, item, debit, at));
}
