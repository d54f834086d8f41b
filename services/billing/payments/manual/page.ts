/** The page of a payment request. It shows nothing about the account, because every owner of the address can read it. */
import { formatDecimal } from '#libs/money/money.ts';
import type { PaymentRequest } from '../domain.ts';

const PATH = '/api/billing/payment-pages';
const STATUS_TEXT = {
  open: 'Not paid yet.',
  paid: 'Paid. The plan is in force.',
  void: 'No longer valid. Nothing has to be paid.',
} as const satisfies Record<PaymentRequest['status'], string>;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function paymentPageUrl({ apiUrl }: { apiUrl: string }, requestId: string): string {
  return `${apiUrl}${PATH}/${requestId}`;
}

export function paymentPage(request: PaymentRequest): string {
  const { id, planKey, cycle, seats, amountMinor, currency, status, instructions, expiresAt } = request;
  const amount = `${formatDecimal(BigInt(amountMinor), 2)} ${currency}`;
  const rows = [
    ['Plan', `${planKey}, by the ${cycle}`],
    ...(seats === null ? [] : [['Seats', `${seats}`]]),
    ['Amount', amount],
    ['Reference', id],
    ['Valid until', expiresAt.toISOString().slice(0, 10)],
  ].map(([name = '', value = '']) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  const howToPay = status === 'open' && instructions !== null ? `<p>${escapeHtml(instructions)}</p>` : '';
  const forStaff =
    status === 'open'
      ? `<p>For staff: mark it as paid with <code>POST /api/admin/payment-requests/${id}/mark-paid</code>.</p>`
      : '';
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payment of ${escapeHtml(amount)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"></head>
<body><main><h1>Payment of ${escapeHtml(amount)}</h1><p role="status">${STATUS_TEXT[status]}</p>
<dl>${rows.join('')}</dl>${howToPay}${forStaff}</main></body></html>`;
}

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
