/** Checkout: from a session to a subscription, by a customer who is present. */
import type Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { checkoutObject } from './checkout-objects.ts';
import { cardObject } from './customer-objects.ts';
import type { CardBehaviour } from './data.ts';
import { findOffer } from './discounts.ts';
import { invalid } from './fault.ts';
import { type Form, flag, group, integer, metadataOf, needText, text } from './form.ts';
import { requestedTerms } from './items.ts';
import { idOf } from './subscription-objects.ts';
import { createSubscription } from './subscriptions.ts';

const DAY = 86_400;

/** Stripe's test cards, by their last four digits. */
export const TEST_CARDS: Readonly<
  Record<string, { now: CardBehaviour; later: CardBehaviour; label: string }>
> = {
  '4242': { now: 'ok', later: 'ok', label: 'succeeds' },
  '0002': { now: 'declined', later: 'declined', label: 'is declined' },
  '3155': { now: 'challenge', later: 'ok', label: 'needs 3-D Secure once' },
  '3184': { now: 'challenge', later: 'challenge', label: 'needs 3-D Secure at every payment' },
  '0341': { now: 'ok', later: 'declined', label: 'succeeds now and fails at the renewal' },
};

export function createCheckout(account: Account, form: Form): Stripe.Checkout.Session {
  const { data } = account;
  if (text(form, 'mode') !== 'subscription') throw invalid('The simulator serves mode=subscription.', 'mode');
  if (group(form, 'payment_method_types') !== undefined)
    throw invalid(
      'payment_method_types is not supported. Use allowed_payment_method_types.',
      'payment_method_types',
    );
  const customer = find(data.customers, 'customer', needText(form, 'customer'));
  const terms = requestedTerms(account, form, 'line_items');
  if (terms.some(({ price }) => !price.active))
    throw invalid('The price specified is inactive.', 'line_items');
  const [currency = 'usd'] = terms.map(({ price }) => price.currency);
  const subscription = group(form, 'subscription_data') ?? {};
  const created = nowOn(account, customer.test_clock);
  const id = newId(account, 'cs_test');
  const session = checkoutObject(
    { id, created },
    {
      customer,
      currency,
      amount: terms.reduce((sum, { price, quantity }) => sum + (price.unit_amount ?? 0) * quantity, 0),
      successUrl: needText(form, 'success_url'),
      cancelUrl: text(form, 'cancel_url') ?? null,
      reference: text(form, 'client_reference_id') ?? null,
      metadata: metadataOf(form),
      expiresAt: integer(form, 'expires_at') ?? created + DAY,
      url: `${account.url}/checkout/${id}`,
      allowPromotionCodes: flag(form, 'allow_promotion_codes') ?? false,
    },
  );
  data.checkoutSessions[id] = session;
  const trialDays = integer(subscription, 'trial_period_days') ?? 0;
  const items = terms.map(({ price, quantity }) => ({ price: price.id, quantity }));
  data.carts[id] = { items, trialDays, metadata: metadataOf(subscription) };
  return session;
}

export type CheckoutOutcome = 'complete' | 'declined' | 'code' | 'challenge' | 'closed';

/** The customer pays with a card. `isAuthenticated` once they have passed 3-D Secure. */
export function payCheckout(
  account: Account,
  session: Stripe.Checkout.Session,
  of: { last4: string; isAuthenticated: boolean; promotionCode?: string },
): CheckoutOutcome {
  const { data } = account;
  if (session.status !== 'open') return 'closed';
  const card = TEST_CARDS[of.last4];
  const cart = data.carts[session.id];
  if (card === undefined || cart === undefined || session.customer === null) return 'declined';
  const customer = find(data.customers, 'customer', idOf(session.customer));
  const created = nowOn(account, customer.test_clock);
  const code = of.promotionCode ?? '';
  const offer = code === '' ? undefined : findOffer(account, code, created);
  if (code !== '' && offer === undefined) return 'code';
  if (card.now === 'declined') return 'declined';
  if (card.now === 'challenge' && !of.isAuthenticated) return 'challenge';
  const method = attachCard(account, customer, of.last4, 'ok');
  const subscription = createSubscription(
    account,
    {
      customer,
      items: cart.items.map(({ price, quantity }) => ({
        price: find(data.prices, 'price', price),
        quantity,
      })),
      trialEnd: cart.trialDays > 0 ? created + cart.trialDays * DAY : null,
      metadata: cart.metadata,
      offers: offer === undefined ? [] : [offer],
      paymentMethod: method.id,
    },
    { method: method.id, isPresent: true },
  );
  data.cards[method.id] = card.later;
  session.status = 'complete';
  session.payment_status = cart.trialDays > 0 ? 'no_payment_required' : 'paid';
  session.subscription = subscription.id;
  session.invoice = subscription.latest_invoice;
  session.url = null;
  emit(account, 'checkout.session.completed', session, customer.test_clock);
  return 'complete';
}

/** Stores a card of the customer, which becomes the one that is charged. */
export function attachCard(
  account: Account,
  customer: Stripe.Customer,
  last4: string,
  behaviour: CardBehaviour,
): Stripe.PaymentMethod {
  const { data } = account;
  const created = nowOn(account, customer.test_clock);
  const method = cardObject({ id: newId(account, 'pm'), created }, { customer: customer.id, last4 });
  data.paymentMethods[method.id] = method;
  data.cards[method.id] = behaviour;
  emit(account, 'payment_method.attached', method, customer.test_clock);
  customer.invoice_settings.default_payment_method = method.id;
  emit(account, 'customer.updated', customer, customer.test_clock);
  return method;
}
