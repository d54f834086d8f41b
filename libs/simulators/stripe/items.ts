/** The items of a subscription. All of them have the same interval, and so the same period. */
import type Stripe from 'stripe';
import { type Account, find, newId } from './account.ts';
import { monthsOf } from './calendar.ts';
import { invalid } from './fault.ts';
import { type Form, flag, integer, list, needText, text } from './form.ts';
import { idOf, type Period } from './subscription-objects.ts';

export type ItemTerms = { price: Stripe.Price; quantity: number };

/** An item as it is, or as it becomes; a new one has its id already. */
export type Item = ItemTerms & { id: string };

export function itemsOf({ items }: Stripe.Subscription): Item[] {
  return items.data.map(({ id, price, quantity }) => ({ id, price, quantity: quantity ?? 1 }));
}

export function periodOf({ id, items }: Stripe.Subscription): Period {
  const [item] = items.data;
  if (item === undefined) throw invalid(`The subscription ${id} has no item.`);
  return { start: item.current_period_start, end: item.current_period_end };
}

export function hasSameTerms(one: Item, other: Item): boolean {
  return one.id === other.id && one.price.id === other.price.id && one.quantity === other.quantity;
}

/** `items[0][price]=…&items[0][quantity]=…`, as new subscriptions and checkout sessions have them. */
export function requestedTerms(account: Account, form: Form, name: 'items' | 'line_items'): ItemTerms[] {
  const asked = list(form, name);
  if (asked.length === 0) throw invalid(`Missing required param: ${name}.`, name);
  return sameInterval(
    asked.map((item) => ({
      price: find(account.data.prices, 'price', needText(item, 'price')),
      quantity: integer(item, 'quantity') ?? 1,
    })),
  );
}

/** All items after a change: one with an id changes or is deleted, one without is added, the others stay. Null for none. */
export function requestedItems(
  account: Account,
  subscription: Stripe.Subscription,
  form: Form,
): Item[] | null {
  const asked = list(form, 'items');
  if (asked.length === 0) return null;
  const items = new Map(itemsOf(subscription).map((item) => [item.id, item]));
  for (const change of asked) {
    const known = text(change, 'id');
    const before = known === undefined ? undefined : items.get(known);
    if (known !== undefined && before === undefined)
      throw invalid(`No such subscription item: '${known}'`, 'items');
    const id = known ?? newId(account, 'si');
    if (flag(change, 'deleted') === true) {
      items.delete(id);
      continue;
    }
    const priceId = text(change, 'price') ?? before?.price.id ?? needText(change, 'price');
    const quantity = integer(change, 'quantity') ?? before?.quantity ?? 1;
    items.set(id, { id, price: find(account.data.prices, 'price', priceId), quantity });
  }
  if (items.size === 0) throw invalid('A subscription must have at least one active item.', 'items');
  return sameInterval([...items.values()]);
}

/** The items that a phase of a schedule brings. One with the same price stays, and then others are replaced. */
export function itemsOfPhase(
  account: Account,
  subscription: Stripe.Subscription,
  { items }: Stripe.SubscriptionSchedule.Phase,
): Item[] {
  const planned = items.map(({ price, quantity }) => ({
    price: find(account.data.prices, 'price', idOf(price)),
    quantity: quantity ?? 1,
  }));
  const free = itemsOf(subscription);
  const kept = planned.map(({ price }) => {
    const index = free.findIndex((item) => item.price.id === price.id);
    return index < 0 ? undefined : free.splice(index, 1)[0];
  });
  return planned.map((terms, index) => ({
    ...terms,
    id: (kept[index] ?? free.shift())?.id ?? newId(account, 'si'),
  }));
}

function sameInterval<Terms extends ItemTerms>(items: Terms[]): Terms[] {
  if (new Set(items.map(({ price }) => price.id)).size < items.length)
    throw invalid('Cannot add multiple subscription items with the same price.', 'items');
  if (new Set(items.map(({ price }) => monthsOf(price))).size > 1)
    throw invalid('The simulator serves items of one interval.', 'items');
  return items;
}
