/** Invoice items: amounts that the next invoice of a customer charges. */
import Stripe from 'stripe';
import { type Account, emit, find, newId, nowOn } from './account.ts';
import { invalid } from './fault.ts';
import { group, integer, metadataOf, needText, text } from './form.ts';
import { type Call, pageOf, type Route } from './route.ts';
import { idOf, type Period } from './subscription-objects.ts';

export const INVOICE_ITEM_ROUTES: readonly Route[] = [
  ['POST', '/v1/invoiceitems', create],
  ['GET', '/v1/invoiceitems/:id', ({ account, id }) => find(account.data.invoiceItems, 'invoice item', id)],
  [
    'GET',
    '/v1/invoiceitems',
    ({ account, form }) => {
      const [customer, invoice] = [text(form, 'customer'), text(form, 'invoice')];
      const rows = Object.values(account.data.invoiceItems).filter(
        (item) =>
          (customer === undefined || idOf(item.customer) === customer) &&
          (invoice === undefined || (item.invoice !== null && idOf(item.invoice) === invoice)),
      );
      return pageOf(rows, form, '/v1/invoiceitems');
    },
  ],
  ['DELETE', '/v1/invoiceitems/:id', remove],
];

function create({ account, form }: Call): Stripe.InvoiceItem {
  const customer = find(account.data.customers, 'customer', needText(form, 'customer'));
  const amount = integer(form, 'amount');
  if (amount === undefined) throw invalid('The simulator needs an amount.', 'amount');
  const now = nowOn(account, customer.test_clock);
  const period = group(form, 'period') ?? {};
  const subscription = text(form, 'subscription') ?? null;
  const item = itemObject(newId(account, 'ii'), {
    amount,
    currency: text(form, 'currency') ?? customer.currency ?? 'usd',
    customer,
    description: text(form, 'description') ?? null,
    metadata: metadataOf(form),
    period: { start: integer(period, 'start') ?? now, end: integer(period, 'end') ?? now },
    date: now,
    subscription,
  });
  account.data.invoiceItems[item.id] = item;
  const line = lineOf(newId(account, 'il'), item, subscription);
  const invoice = text(form, 'invoice');
  if (invoice === undefined) {
    const waiting = account.data.pendingLines[customer.id] ?? [];
    account.data.pendingLines[customer.id] = [...waiting, line];
  } else addLine(account, find(account.data.invoices, 'invoice', invoice), line);
  emit(account, 'invoiceitem.created', item, customer.test_clock);
  return item;
}

function addLine(account: Account, invoice: Stripe.Invoice, line: Stripe.InvoiceLineItem): void {
  if (invoice.status !== 'draft') throw invalid(`This invoice is ${invoice.status}, not a draft.`, 'invoice');
  line.invoice = invoice.id;
  invoice.lines.data.push(line);
  claimItems(account, [line], invoice.id);
  for (const field of ['subtotal', 'subtotal_excluding_tax', 'total', 'total_excluding_tax'] as const)
    invoice[field] = (invoice[field] ?? 0) + line.amount;
  invoice.amount_due = Math.max(invoice.total, 0);
  invoice.amount_remaining = invoice.amount_due;
}

function remove({ account, id }: Call): Stripe.DeletedInvoiceItem {
  const { data } = account;
  const item = find(data.invoiceItems, 'invoice item', id);
  if (item.invoice !== null) throw invalid('The invoice item is on an invoice.', 'id');
  const customer = idOf(item.customer);
  delete data.invoiceItems[id];
  data.pendingLines[customer] = (data.pendingLines[customer] ?? []).filter(
    ({ parent }) => parent?.invoice_item_details?.invoice_item !== id,
  );
  emit(account, 'invoiceitem.deleted', item, item.test_clock);
  return { id, object: 'invoiceitem', deleted: true };
}

/** Marks the items of these lines as invoiced. */
export function claimItems(
  { data }: Account,
  lines: readonly Stripe.InvoiceLineItem[],
  invoice: string,
): void {
  for (const { parent } of lines) {
    const item = data.invoiceItems[parent?.invoice_item_details?.invoice_item ?? ''];
    if (item !== undefined) item.invoice = invoice;
  }
}

function itemObject(
  id: string,
  of: {
    amount: number;
    currency: string;
    customer: Stripe.Customer;
    description: string | null;
    metadata: Stripe.Metadata;
    period: Period;
    date: number;
    subscription: string | null;
  },
): Stripe.InvoiceItem {
  return {
    id,
    object: 'invoiceitem',
    amount: of.amount,
    currency: of.currency,
    customer: of.customer.id,
    customer_account: null,
    date: of.date,
    description: of.description,
    discountable: true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: of.metadata,
    parent:
      of.subscription === null
        ? null
        : { type: 'subscription_details', subscription_details: { subscription: of.subscription } },
    period: of.period,
    pricing: null,
    proration: false,
    quantity: 1,
    quantity_decimal: Stripe.Decimal.from(1),
    tax_rates: [],
    test_clock: of.customer.test_clock ?? null,
  };
}

function lineOf(id: string, item: Stripe.InvoiceItem, subscription: string | null): Stripe.InvoiceLineItem {
  return {
    id,
    object: 'line_item',
    amount: item.amount,
    currency: item.currency,
    description: item.description,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: null,
    livemode: false,
    metadata: item.metadata ?? {},
    parent: {
      type: 'invoice_item_details',
      invoice_item_details: {
        invoice_item: item.id,
        proration: false,
        proration_details: null,
        subscription,
      },
      subscription_item_details: null,
    },
    period: item.period,
    pretax_credit_amounts: [],
    pricing: null,
    quantity: 1,
    quantity_decimal: Stripe.Decimal.from(1),
    subscription,
    subtotal: item.amount,
    taxes: [],
  };
}
