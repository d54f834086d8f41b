/** The portal, in which a customer cancels, changes the card and reads invoices. */
import type Stripe from 'stripe';
import { type Account, find } from './account.ts';
import { attachCard, TEST_CARDS } from './checkout.ts';
import { type Form, text } from './form.ts';
import { itemsOf, periodOf } from './items.ts';
import {
  alert,
  badge,
  cardButtons,
  cardLine,
  day,
  escapeHtml,
  linkTo,
  money,
  type Page,
  page,
  priceRow,
} from './page-layout.ts';
import { productName } from './proration.ts';
import { idOf } from './subscription-objects.ts';
import { updateSubscription } from './subscriptions.ts';

const SHOWN_INVOICES = 12;

export function portalPage(account: Account, id: string, form: Form | undefined): Page {
  const session = find(account.data.portalSessions, 'portal session', id);
  const { data } = account;
  const customer = find(data.customers, 'customer', session.customer);
  const subscription = Object.values(data.subscriptions).find(
    (one) => idOf(one.customer) === customer.id && !['canceled', 'incomplete_expired'].includes(one.status),
  );
  const message = form === undefined ? '' : act(account, customer, subscription, form);
  return page(
    message === '' ? 200 : 402,
    'Your subscription',
    `${alert(message)}${planSection(account, subscription)}${cardSection(account, customer)}
    ${invoiceSection(account, customer)}${linkTo('return', session.return_url, 'Return')}`,
  );
}

/** @returns what went wrong. */
function act(
  account: Account,
  customer: Stripe.Customer,
  subscription: Stripe.Subscription | undefined,
  form: Form,
): string {
  const action = text(form, 'action');
  if (action === 'card') {
    const last4 = text(form, 'card') ?? '';
    const card = TEST_CARDS[last4];
    if (card === undefined || card.now === 'declined') return 'Your card was declined.';
    const method = attachCard(account, customer, last4, card.later);
    if (subscription !== undefined)
      updateSubscription(account, subscription, { default_payment_method: method.id });
  } else if (subscription !== undefined && (action === 'cancel' || action === 'resume')) {
    updateSubscription(account, subscription, { cancel_at_period_end: String(action === 'cancel') });
  }
  return '';
}

function planSection(account: Account, subscription: Stripe.Subscription | undefined): string {
  if (subscription === undefined)
    return '<section><h2>Plan</h2><p class="quiet">There is no subscription.</p></section>';
  const { end } = periodOf(subscription);
  const isEnding = subscription.cancel_at_period_end;
  const items = itemsOf(subscription).map(
    ({ price, quantity }) =>
      `<h3>${escapeHtml(productName(account, price))}</h3>${priceRow(price, quantity)}`,
  );
  return `<section><h2>Plan</h2>
    <p>${badge(subscription.status)}</p>${items.join('')}
    <p class="quiet">${isEnding ? `Ends on ${day(end)}.` : `Renews on ${day(end)}.`}</p>
    <form method="post"><button name="action" value="${isEnding ? 'resume' : 'cancel'}">
    ${isEnding ? 'Keep the plan' : 'Cancel at the end of the period'}</button></form></section>`;
}

function cardSection({ data }: Account, customer: Stripe.Customer): string {
  const preferred = customer.invoice_settings.default_payment_method;
  const cards = Object.values(data.paymentMethods)
    .filter((method) => method.customer !== null && idOf(method.customer) === customer.id)
    .map((method) => cardLine(method, preferred !== null && idOf(preferred) === method.id));
  return `<section><h2>Cards</h2>${cards.join('')}
    <form method="post"><input type="hidden" name="action" value="card">${cardButtons('Use card')}</form></section>`;
}

function invoiceSection({ data }: Account, customer: Stripe.Customer): string {
  const rows = Object.values(data.invoices)
    .filter((invoice) => invoice.customer !== null && idOf(invoice.customer) === customer.id)
    .toReversed()
    .slice(0, SHOWN_INVOICES)
    .map(
      (invoice) => `<div class="row"><span>${
        invoice.hosted_invoice_url == null
          ? 'Draft'
          : `<a href="${escapeHtml(invoice.hosted_invoice_url)}">${escapeHtml(invoice.number ?? '')}</a>`
      } <span class="quiet">${day(invoice.created)}</span></span>
      <span>${money(invoice.total, invoice.currency)} ${badge(invoice.status ?? '')}</span></div>`,
    );
  return `<section><h2>Invoices</h2>${rows.join('') || '<p class="quiet">There are none.</p>'}</section>`;
}
