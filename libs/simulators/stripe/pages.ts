/** The pages that a customer sees: checkout, 3-D Secure, an invoice to pay, and the portal. */
import type Stripe from 'stripe';
import { type Account, emit, find, nowOn } from './account.ts';
import { attachCard, payCheckout, TEST_CARDS } from './checkout.ts';
import { type Form, text } from './form.ts';
import { pay } from './invoicing.ts';
import { onlyItem, productName } from './proration.ts';
import { idOf } from './subscription-objects.ts';
import { updateSubscription } from './subscriptions.ts';

export type Page = { status: number; html: string } | { redirect: string };

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (value: string) => value.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
const money = (minor: number, currency: string) => `${(minor / 100).toFixed(2)} ${currency.toUpperCase()}`;

/** Serves a page, or what its form sends; undefined for any other path. */
export function servePage(account: Account, method: string, path: string, form: Form): Page | undefined {
  const [, kind, id, action] = path.split('/');
  if (kind === 'billing') return returnPage(id);
  if (id === undefined) return undefined;
  if (kind === 'checkout') return checkoutPage(account, id, method === 'POST' ? form : undefined);
  if (kind === 'pay' && action === 'pdf') return invoiceDocument(account, id);
  if (kind === 'pay') return invoicePage(account, id, method === 'POST' ? form : undefined);
  if (kind === 'portal') return portalPage(account, id, method === 'POST' ? form : undefined);
  return undefined;
}

/** Where checkout and portal return to in an installation without a frontend. */
function returnPage(id: string | undefined): Page {
  const text =
    id === 'success'
      ? 'Paid. GET /api/subscription/current shows the plan.'
      : id === 'cancelled'
        ? 'Nothing was paid.'
        : 'Your application is here.';
  return page(200, 'Back at the application', `<p>${text}</p>`);
}

function checkoutPage(account: Account, id: string, form: Form | undefined): Page {
  const session = find(account.data.checkoutSessions, 'checkout session', id);
  const back = (session.success_url ?? account.url).replaceAll('{CHECKOUT_SESSION_ID}', session.id);
  if (form === undefined)
    return show(account, session, session.status === 'open' ? '' : 'This session is closed.');
  const last4 = text(form, 'card') ?? '';
  const promotionCode = text(form, 'promotion_code') ?? '';
  if (text(form, 'challenge') === 'fail') return show(account, session, 'The authentication failed.');
  const isAuthenticated = text(form, 'challenge') === 'pass';
  switch (payCheckout(account, session, { last4, isAuthenticated, promotionCode })) {
    case 'complete':
      return { redirect: back };
    case 'declined':
      return show(account, session, 'Your card was declined.');
    case 'closed':
      return show(account, session, 'This session is closed.');
    case 'challenge':
      return page(
        200,
        '3-D Secure',
        `<p>Your bank asks you to confirm the payment.</p>
        <form method="post"><input type="hidden" name="card" value="${escapeHtml(last4)}">
        <button name="challenge" value="pass">Complete authentication</button>
        <button name="challenge" value="fail">Fail authentication</button></form>`,
      );
  }
}

function show(account: Account, session: Stripe.Checkout.Session, message: string): Page {
  const cart = account.data.carts[session.id];
  const price = cart === undefined ? undefined : account.data.prices[cart.price];
  const what =
    price === undefined || cart === undefined
      ? ''
      : `<p><b>${escapeHtml(productName(account, price))}</b>, ${cart.quantity} × ${money(price.unit_amount ?? 0, price.currency)} a ${price.recurring?.interval}</p>
      ${cart.trialDays > 0 ? `<p>Free for ${cart.trialDays} days.</p>` : ''}`;
  const promotion =
    session.allow_promotion_codes === true
      ? '<p><input name="promotion_code" placeholder="Promotion code"></p>'
      : '';
  const isOpen = session.status === 'open';
  const cancel =
    session.cancel_url === null
      ? ''
      : `<p><a id="cancel" href="${escapeHtml(session.cancel_url)}">Cancel</a></p>`;
  return page(
    message === '' || !isOpen ? 200 : 402,
    'Checkout',
    `${what}${alert(message)}${isOpen ? `<form method="post">${promotion}${cardButtons('Pay with card')}</form>` : ''}${cancel}`,
  );
}

function invoicePage(account: Account, id: string, form: Form | undefined): Page {
  const invoice = find(account.data.invoices, 'invoice', id);
  const last4 = form === undefined ? undefined : text(form, 'card');
  if (last4 !== undefined && invoice.status === 'open') {
    const card = TEST_CARDS[last4];
    const customer = invoice.customer === null ? undefined : account.data.customers[idOf(invoice.customer)];
    if (card === undefined || customer === undefined || card.now === 'declined')
      return showInvoice(invoice, 'Your card was declined.');
    const method = attachCard(account, customer, last4, card.now === 'challenge' ? 'challenge' : card.later);
    account.data.cards[method.id] = card.now;
    const outcome = pay(account, invoice, { method: method.id, isPresent: true });
    account.data.cards[method.id] = card.later;
    useCard(account, invoice, method.id);
    return showInvoice(invoice, outcome === 'paid' ? '' : 'Your card was declined.');
  }
  return showInvoice(invoice, '');
}

/** The card that paid an invoice is charged from then on. */
function useCard({ data }: Account, invoice: Stripe.Invoice, method: string): void {
  const reference = invoice.parent?.subscription_details?.subscription;
  const subscription = reference === undefined ? undefined : data.subscriptions[idOf(reference)];
  if (subscription !== undefined) subscription.default_payment_method = method;
}

function showInvoice(invoice: Stripe.Invoice, message: string): Page {
  const form = invoice.status === 'open' ? `<form method="post">${cardButtons('Pay with card')}</form>` : '';
  return page(
    message === '' ? 200 : 402,
    `Invoice ${invoice.number ?? invoice.id}`,
    `<p>${invoice.status}: ${money(invoice.amount_due, invoice.currency)}</p>${alert(message)}${form}`,
  );
}

function invoiceDocument(account: Account, id: string): Page {
  const invoice = find(account.data.invoices, 'invoice', id);
  const lines = invoice.lines.data.map(
    (line) => `<li>${escapeHtml(line.description ?? '')}: ${money(line.amount, line.currency)}</li>`,
  );
  return page(200, `Invoice ${invoice.number ?? id}`, `<ul>${lines.join('')}</ul>`);
}

function portalPage(account: Account, id: string, form: Form | undefined): Page {
  const session = find(account.data.portalSessions, 'portal session', id);
  const { data } = account;
  const subscription = Object.values(data.subscriptions).find(
    (one) => idOf(one.customer) === session.customer && one.status !== 'canceled',
  );
  const customer = find(data.customers, 'customer', session.customer);
  let message = '';
  const action = form === undefined ? undefined : text(form, 'action');
  if (form !== undefined && action === 'card') {
    const card = TEST_CARDS[text(form, 'card') ?? ''];
    if (card === undefined || card.now === 'declined') message = 'Your card was declined.';
    else {
      const method = attachCard(account, customer, text(form, 'card') ?? '', card.later);
      if (subscription !== undefined) subscription.default_payment_method = method.id;
    }
  } else if (subscription !== undefined && (action === 'cancel' || action === 'resume')) {
    updateSubscription(account, subscription, { cancel_at_period_end: String(action === 'cancel') });
  } else if (subscription !== undefined && action === 'cancel_now') {
    subscription.canceled_at = nowOn(account, subscription.test_clock);
    subscription.ended_at = subscription.canceled_at;
    subscription.status = 'canceled';
    emit(account, 'customer.subscription.deleted', subscription, subscription.test_clock);
  }
  const plan =
    subscription === undefined
      ? '<p>There is no subscription.</p>'
      : `<p><b>${escapeHtml(productName(account, onlyItem(subscription).price))}</b>: ${subscription.status}${subscription.cancel_at_period_end ? ', ends with its period' : ''}</p>
      <form method="post"><button name="action" value="${subscription.cancel_at_period_end ? 'resume' : 'cancel'}">
      ${subscription.cancel_at_period_end ? 'Keep the plan' : 'Cancel at the end of the period'}</button></form>`;
  const cards = `<form method="post"><input type="hidden" name="action" value="card">${cardButtons('Use card')}</form>`;
  const back =
    session.return_url === null
      ? ''
      : `<p><a id="return" href="${escapeHtml(session.return_url)}">Return</a></p>`;
  return page(message === '' ? 200 : 402, 'Your subscription', `${plan}${alert(message)}${cards}${back}`);
}

const alert = (message: string) => (message === '' ? '' : `<p role="alert">${escapeHtml(message)}</p>`);

function cardButtons(verb: string): string {
  return Object.entries(TEST_CARDS)
    .map(
      ([last4, { label }]) =>
        `<p><button name="card" value="${last4}">${verb} ${last4}</button> ${label}</p>`,
    )
    .join('');
}

function page(status: number, title: string, body: string): Page {
  return {
    status,
    html: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem}button{padding:.5rem 1rem}
[role=alert]{color:#a00}small{color:#666}</style>
<h1>${escapeHtml(title)}</h1>${body}<p><small>Simulated. No card data is entered, and no money moves.</small></p></html>`,
  };
}
