/** The pages on which a customer pays: checkout with 3-D Secure, and an open invoice. */
import type Stripe from 'stripe';
import { type Account, find } from './account.ts';
import { attachCard, payCheckout, TEST_CARDS } from './checkout.ts';
import { type Form, text } from './form.ts';
import { subscriptionOf } from './invoicing.ts';
import {
  alert,
  amountRow,
  badge,
  cardButtons,
  day,
  escapeHtml,
  linkTo,
  money,
  type Page,
  page,
  priceRow,
} from './page-layout.ts';
import { pay } from './paying.ts';
import { portalPage } from './portal.ts';
import { productName } from './proration.ts';
import { idOf } from './subscription-objects.ts';

/** Serves a page, or what its form sends; undefined for any other path. */
export function servePage(account: Account, method: string, path: string, form: Form): Page | undefined {
  const [, kind, id, action] = path.split('/');
  const sent = method === 'POST' ? form : undefined;
  if (kind === 'billing') return returnPage(id);
  if (id === undefined) return undefined;
  if (kind === 'checkout') return checkoutPage(account, id, sent);
  if (kind === 'pay' && action === 'pdf') return invoiceDocument(account, id);
  if (kind === 'pay') return invoicePage(account, id, sent);
  if (kind === 'portal') return portalPage(account, id, sent);
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
  return page(200, 'Back at the application', `<section>${text}</section>`);
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
    case 'code':
      return show(account, session, 'This promotion code is not valid.');
    case 'closed':
      return show(account, session, 'This session is closed.');
    case 'challenge':
      return challengePage({ card: last4, promotion_code: promotionCode });
  }
}

/** 3-D Secure: the bank asks its customer. */
function challengePage(fields: Record<string, string>): Page {
  const hidden = Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escapeHtml(value)}">`)
    .join('');
  return page(
    200,
    '3-D Secure',
    `<section><p>Your bank asks you to confirm the payment.</p>
    <form method="post">${hidden}
    <button class="primary" name="challenge" value="pass">Complete authentication</button>
    <button name="challenge" value="fail">Fail authentication</button></form></section>`,
  );
}

function show(account: Account, session: Stripe.Checkout.Session, message: string): Page {
  const isOpen = session.status === 'open';
  const promotion =
    session.allow_promotion_codes === true
      ? '<input name="promotion_code" placeholder="Promotion code" aria-label="Promotion code">'
      : '';
  const form = isOpen
    ? `<h2>Pay with a test card</h2><form method="post">${promotion}${cardButtons('Pay with card')}</form>`
    : '<p class="quiet">There is nothing to pay here.</p>';
  return page(
    message === '' || !isOpen ? 200 : 402,
    'Checkout',
    `${cartSection(account, session)}<section>${alert(message)}${form}${linkTo('cancel', session.cancel_url, 'Cancel')}</section>`,
    true,
  );
}

function cartSection(account: Account, session: Stripe.Checkout.Session): string {
  const cart = account.data.carts[session.id];
  if (cart === undefined) return '';
  const { currency } = session;
  const total = money(session.amount_total ?? 0, currency ?? 'usd');
  const rows = cart.items.map((item) => {
    const price = find(account.data.prices, 'price', item.price);
    return `<h2>${escapeHtml(productName(account, price))}</h2>${priceRow(price, item.quantity)}`;
  });
  const isTrial = cart.trialDays > 0;
  const dueToday = isTrial ? money(0, currency ?? 'usd') : total;
  const trial = isTrial ? `<p>Free for ${cart.trialDays} days, then ${total} for each period.</p>` : '';
  return `<section>${rows.join('')}${amountRow('Due today', dueToday, true)}${trial}</section>`;
}

function invoicePage(account: Account, id: string, form: Form | undefined): Page {
  const invoice = find(account.data.invoices, 'invoice', id);
  const last4 = form === undefined ? undefined : text(form, 'card');
  if (form === undefined || last4 === undefined || invoice.status !== 'open') return showInvoice(invoice, '');
  const challenge = text(form, 'challenge');
  if (challenge === 'fail') return showInvoice(invoice, 'The authentication failed.');
  const card = TEST_CARDS[last4];
  const customer = invoice.customer === null ? undefined : account.data.customers[idOf(invoice.customer)];
  if (card === undefined || customer === undefined || card.now === 'declined')
    return showInvoice(invoice, 'Your card was declined.');
  if (card.now === 'challenge' && challenge !== 'pass') return challengePage({ card: last4 });
  const method = attachCard(account, customer, last4, card.now);
  const outcome = pay(account, invoice, { method: method.id, isPresent: true });
  account.data.cards[method.id] = card.later;
  // The card that paid an invoice is charged from then on.
  const subscription = subscriptionOf(account, invoice);
  if (subscription !== undefined) subscription.default_payment_method = method.id;
  return showInvoice(invoice, outcome === 'paid' ? '' : 'Your card was declined.');
}

function linesOf(invoice: Stripe.Invoice): string {
  return invoice.lines.data
    .map((line) => amountRow(line.description ?? '', money(line.amount, line.currency)))
    .join('');
}

function showInvoice(invoice: Stripe.Invoice, message: string): Page {
  const form = invoice.status === 'open' ? `<form method="post">${cardButtons('Pay with card')}</form>` : '';
  return page(
    message === '' ? 200 : 402,
    `Invoice ${invoice.number ?? invoice.id}`,
    `<section><div class="row"><span class="quiet">${day(invoice.created)}</span>${badge(invoice.status ?? '')}</div>
    ${linesOf(invoice)}${amountRow('Amount due', money(invoice.amount_due, invoice.currency), true)}</section>
    ${alert(message)}${form === '' ? '' : `<section>${form}</section>`}${linkTo('return', '/billing', 'Return')}`,
  );
}

/** Stands in for the PDF. */
function invoiceDocument(account: Account, id: string): Page {
  const invoice = find(account.data.invoices, 'invoice', id);
  return page(
    200,
    `Invoice ${invoice.number ?? id}`,
    `<section>${linesOf(invoice)}${amountRow('Total', money(invoice.total, invoice.currency), true)}</section>`,
  );
}
