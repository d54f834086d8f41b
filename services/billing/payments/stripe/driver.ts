/** Payments through Stripe: hosted checkout and portal, subscriptions that Stripe renews. */
import Stripe from 'stripe';
import type { CardSummary, CheckoutOrder, HostedPayments, PaymentPort } from '../port.ts';
import { cancel, changeAtPeriodEnd, changeNow, keepPlan, resume, setPaused } from './changes.ts';
import { idOf, instantOf } from './client.ts';
import { invoiceOnce } from './invoice-once.ts';
import { previewChange, previewUpcoming } from './previews.ts';
import { lookupKey, type PlanPrice } from './prices.ts';

export function createStripePayments(stripe: Stripe): PaymentPort & { hosted: HostedPayments } {
  return {
    driver: 'stripe',
    // Amounts that Stripe does not collect itself, such as those of an assigned plan, are for staff to mark as paid.
    requestPayment: async ({ idempotencyKey }) => ({
      id: idempotencyKey,
      status: 'open',
      instructions: 'Choose the plan again: POST /api/billing/checkout answers with a page on which to pay.',
    }),
    hosted: {
      createCustomer: (customer) => createCustomer(stripe, customer),
      findPrice: (plan) => findPrice(stripe, plan),
      startCheckout: (order) => startCheckout(stripe, order),
      expireCheckout: (sessionId) => expireCheckout(stripe, sessionId),
      openPortal: async ({ customerId, returnUrl, idempotencyKey }) =>
        (
          await stripe.billingPortal.sessions.create(
            { customer: customerId, return_url: returnUrl },
            { idempotencyKey },
          )
        ).url,
      previewChange: (change) => previewChange(stripe, change),
      previewUpcoming: (subscriptionId) => previewUpcoming(stripe, subscriptionId),
      changeNow: (change) => changeNow(stripe, change),
      changeAtPeriodEnd: (change) => changeAtPeriodEnd(stripe, change),
      keepPlan: (of) => keepPlan(stripe, of),
      cancel: (of) => cancel(stripe, of),
      resume: (of) => resume(stripe, of),
      setPaused: (of) => setPaused(stripe, of),
      refund: async ({ paymentId, amountMinor, accountId, idempotencyKey }) =>
        (
          await stripe.refunds.create(
            { payment_intent: paymentId, amount: amountMinor, metadata: { account: accountId } },
            { idempotencyKey },
          )
        ).id,
      creditInvoice: async ({ invoiceId, amountMinor, memo, isPaid, idempotencyKey }) =>
        (
          await stripe.creditNotes.create(
            { invoice: invoiceId, amount: amountMinor, memo, ...(isPaid && { credit_amount: amountMinor }) },
            { idempotencyKey },
          )
        ).id,
      invoiceOnce: (order) => invoiceOnce(stripe, order),
      listCards: (customerId) => listCards(stripe, customerId),
    },
  };
}

async function createCustomer(
  stripe: Stripe,
  { accountId, name, email }: { accountId: string; name: string; email: string | null },
): Promise<string> {
  const { id } = await stripe.customers.create(
    { name, ...(email !== null && { email }), metadata: { account: accountId } },
    { idempotencyKey: `customer-${accountId}` },
  );
  return id;
}

async function findPrice(stripe: Stripe, plan: PlanPrice): Promise<string | undefined> {
  const { data } = await stripe.prices.list({ lookup_keys: [lookupKey(plan)], active: true, limit: 1 });
  return data[0]?.id;
}

async function startCheckout(
  stripe: Stripe,
  order: CheckoutOrder,
): Promise<{ id: string; url: string; expiresAt: Date }> {
  const metadata = { account: order.accountId, checkout: order.idempotencyKey };
  const { id, url, expires_at } = await stripe.checkout.sessions.create(
    {
      mode: 'subscription',
      customer: order.customerId,
      client_reference_id: order.accountId,
      line_items: [{ price: order.priceId, quantity: order.seats }],
      metadata,
      subscription_data: {
        metadata,
        billing_mode: { type: 'flexible' },
        ...(order.trialDays > 0 && { trial_period_days: order.trialDays }),
      },
      allow_promotion_codes: true,
      success_url: order.successUrl,
      cancel_url: order.cancelUrl,
    },
    { idempotencyKey: order.idempotencyKey },
  );
  if (url === null) throw new Error(`The checkout session ${id} has no page.`);
  return { id, url, expiresAt: instantOf(expires_at) };
}

async function expireCheckout(stripe: Stripe, sessionId: string): Promise<void> {
  try {
    await stripe.checkout.sessions.expire(sessionId, {}, { idempotencyKey: `expire-${sessionId}` });
  } catch (error) {
    // The customer has paid in the meantime, or the session has expired by itself.
    if (!(error instanceof Stripe.errors.StripeInvalidRequestError)) throw error;
  }
}

async function listCards(stripe: Stripe, customerId: string): Promise<CardSummary[]> {
  const customer = await stripe.customers.retrieve(customerId);
  if (customer.deleted) return [];
  const preferred = customer.invoice_settings.default_payment_method;
  const { data } = await stripe.customers.listPaymentMethods(customerId, { limit: 100 });
  return data.map(({ id, type, card }) => ({
    id,
    kind: type,
    brand: card?.brand ?? null,
    last4: card?.last4 ?? null,
    expMonth: card?.exp_month ?? null,
    expYear: card?.exp_year ?? null,
    isDefault: preferred !== null && idOf(preferred) === id,
  }));
}
