/** Lines of an invoice, in flexible billing: credits come from what was debited, not from prices. */
import type Stripe from 'stripe';
import { type Account, newId } from './account.ts';
import { monthsOf, periodAt } from './calendar.ts';
import type { Debit } from './data.ts';
import { discountOn } from './discounts.ts';
import { lineObject } from './invoice-objects.ts';
import { hasSameTerms, type Item, type ItemTerms, itemsOf, periodOf } from './items.ts';
import { idOf, type Period } from './subscription-objects.ts';

/** What a change of items debits and credits, and their period afterwards. */
export type ItemsChange = {
  lines: Stripe.InvoiceLineItem[];
  /** In force once the change is made, by the items that change. */
  debits: Record<string, Debit[]>;
  period: Period;
  anchor: number;
};

export function productName({ data }: Account, price: Stripe.Price): string {
  return data.products[idOf(price.product)]?.name ?? 'Product';
}

/** The line for a whole period. */
export function periodLine(
  account: Account,
  subscription: Stripe.Subscription,
  item: Item,
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

/** The lines for a whole period of all items, which are what they are credited from later. */
export function debitPeriod(
  account: Account,
  subscription: Stripe.Subscription,
  period: Period,
): Stripe.InvoiceLineItem[] {
  return itemsOf(subscription).map((item) => {
    const line = periodLine(account, subscription, item, period);
    account.data.debits[item.id] = [debitOf(line, item, '')];
    return line;
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

/** Other items from `at` on: what changes is credited and debited. Another interval begins a new period for all. */
export function changeItems(
  account: Account,
  subscription: Stripe.Subscription,
  items: readonly Item[],
  { at, prorate }: { at: number; prorate: boolean },
): ItemsChange {
  const before = itemsOf(subscription);
  const [months] = items.map(({ price }) => monthsOf(price));
  const isTrial = subscription.status === 'trialing';
  const isNewInterval = before.some(({ price }) => monthsOf(price) !== months) && !isTrial;
  const period = isNewInterval ? periodAt(at, months ?? 1, at) : periodOf(subscription);
  const anchor = isNewInterval ? at : subscription.billing_cycle_anchor;
  if (!prorate || isTrial) return { lines: [], debits: {}, period, anchor };
  const isKept = (item: Item, among: readonly Item[]) =>
    !isNewInterval && among.some((other) => hasSameTerms(item, other));
  const credits = before
    .filter((item) => !isKept(item, items))
    .flatMap((item) => creditsOf(account, subscription, item, at));
  const added = items
    .filter((item) => !isKept(item, before))
    .map((item) => ({
      item,
      line: remainingLine(account, subscription, item, { at, period, isNewInterval }),
    }));
  return {
    lines: [...credits, ...added.map(({ line }) => line)],
    debits: Object.fromEntries(added.map(({ item, line }) => [item.id, [debitOf(line, item, '')]])),
    period,
    anchor,
  };
}

/** The line for the rest of a period, or for a whole new one. */
function remainingLine(
  account: Account,
  subscription: Stripe.Subscription,
  { id, price, quantity }: Item,
  { at, period, isNewInterval }: { at: number; period: Period; isNewInterval: boolean },
): Stripe.InvoiceLineItem {
  const share = isNewInterval ? 1 : (period.end - at) / (period.end - period.start);
  const amount = Math.round((price.unit_amount ?? 0) * quantity * share);
  return lineObject(newId(account, 'il'), {
    amount,
    price,
    product: idOf(price.product),
    quantity,
    period: { start: at, end: period.end },
    description: `Remaining time on ${quantity} × ${productName(account, price)}`,
    proration: !isNewInterval,
    subscription: subscription.id,
    item: id,
    credited: null,
    discount: discountOn(account, subscription, amount),
  });
}

/** Credits for everything that is paid for an item beyond `at`. */
function creditsOf(
  account: Account,
  subscription: Stripe.Subscription,
  item: Item,
  at: number,
): Stripe.InvoiceLineItem[] {
  return (account.data.debits[item.id] ?? [])
    .filter(({ start, end, amount }) => start <= at && at < end && amount > 0)
    .map((debit) => creditLine(account, subscription, item, debit, at));
}

function creditLine(
  account: Account,
  subscription: Stripe.Subscription,
  { id, price }: Item,
  debit: Debit,
  at: number,
): Stripe.InvoiceLineItem {
  const unused = (debit.end - at) / (debit.end - debit.start);
  return lineObject(newId(account, 'il'), {
    amount: -Math.round(debit.amount * unused),
    price,
    product: idOf(price.product),
    quantity: debit.quantity,
    period: { start: at, end: debit.end },
    description: `Unused time on ${debit.quantity} × ${productName(account, price)}`,
    proration: true,
    subscription: subscription.id,
    item: id,
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
  return itemsOf(subscription).flatMap((item) => creditsOf(account, subscription, item, at));
}
