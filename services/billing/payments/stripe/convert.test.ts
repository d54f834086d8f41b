/** Subscriptions with more than the plan, such as an add-on that staff sell at Stripe. */
import type Stripe from 'stripe';
import t from 'tap';
import { planItemOf, scheduledPlanItem } from './convert.ts';
import { createStripeService, subscribe } from './stripe.fixture.ts';

t.test('given an item that is not of the catalogue, then the plan is that of the other item', async (t) => {
  const service = await createStripeService(t);
  await subscribe(service, { plan: 'pro', seats: 3 });
  const [{ id }] = (await service.pool.query('SELECT id FROM stripe_subscriptions')).rows;
  const subscription = await service.stripe.subscriptions.retrieve(id);
  const [plan] = subscription.items.data;
  if (plan === undefined) throw new Error('The subscription has no item.');
  const addOn = {
    ...plan,
    id: 'si_add_on',
    quantity: 1,
    price: { ...plan.price, id: 'price_x', metadata: {} },
  };
  const both = { ...subscription, items: { ...subscription.items, data: [addOn, plan] } };
  t.match(planItemOf(both), { id: plan.id, quantity: 3 });
  t.match(planItemOf({ ...both, items: { ...both.items, data: [addOn] } }), { id: 'si_add_on' });
  t.throws(() => planItemOf({ ...both, items: { ...both.items, data: [] } }), RangeError);

  const prices = new Map<string, Stripe.Price>([
    ['price_x', addOn.price],
    [plan.price.id, plan.price],
  ]);
  const read = async (price: string) => prices.get(price) ?? addOn.price;
  const items = [
    { price: 'price_x', quantity: 1 },
    { price: plan.price.id, quantity: 2 },
  ];
  t.match(await scheduledPlanItem({ items }, read), { price: { id: plan.price.id }, quantity: 2 });
  t.equal(await scheduledPlanItem({ items: [] }, read), undefined);
});
