/** The page of a payment request. It shows nothing about the account, because every owner of the address can read it. */
import { hash } from 'node:crypto';
import type { Brand } from '#libs/contracts/branding.ts';
import { formatDecimal } from '#libs/money/money.ts';
import type { PaymentRequest } from '../domain.ts';

const PATH = '/api/billing/payment-pages';
const STATUS_TEXT = {
  open: 'Not paid yet.',
  paid: 'Paid. The plan is in force.',
  void: 'No longer valid. Nothing has to be paid.',
} as const satisfies Record<PaymentRequest['status'], string>;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const COLOUR = '#1d5fa8';

export function paymentPageUrl({ apiUrl }: { apiUrl: string }, requestId: string): string {
  return `${apiUrl}${PATH}/${requestId}`;
}

export type Page = {
  html: string;
  /** A content security policy that allows the page's own style and logo, and nothing else. */
  policy: string;
};

/** @param brand of the account; null for the product's. */
export function paymentPage(request: PaymentRequest, brand: Brand | null): Page {
  const { id, planKey, cycle, seats, amountMinor, currency, status, instructions, expiresAt } = request;
  const amount = `${formatDecimal(BigInt(amountMinor), 2)} ${currency}`;
  const rows = [
    ['Plan', `${planKey}, by the ${cycle}`],
    ...(seats === null ? [] : [['Seats', `${seats}`]]),
    ['Amount', amount],
    ['Reference', id],
    ['Valid until', expiresAt.toISOString().slice(0, 10)],
  ].map(([name = '', value = '']) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`);
  const howToPay =
    status === 'open' && instructions !== null ? `<p class="note">${escapeHtml(instructions)}</p>` : '';
  const forStaff =
    status === 'open' && brand === null
      ? `<p>For staff: mark it as paid with <code>POST /api/admin/payment-requests/${id}/mark-paid</code>.</p>`
      : '';
  const style = styleOf(brand?.primaryColour ?? COLOUR);
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Payment of ${escapeHtml(amount)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><style>${style}</style></head>
<body>${brand === null ? '' : header(brand)}<main><h1>Payment of ${escapeHtml(amount)}</h1><p role="status" class="${status}">${STATUS_TEXT[status]}</p>
<dl>${rows.join('')}</dl>${howToPay}${forStaff}</main>${brand === null ? '' : footer(brand)}</body></html>`;
  return { html, policy: policyFor(style) };
}

const styleOf = (colour: string) =>
  `body{margin:0 auto;max-width:34rem;padding:2rem 1rem;background:#f4f4f2;color:#1b1b1b;font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{background:#fff;border-top:4px solid ${colour};border-radius:6px;padding:1.5rem}
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.3}
header{padding:0 .25rem 1.25rem;font-size:1.25rem;font-weight:700}
header img{display:block;max-height:3rem;max-width:15rem}
footer{padding:1rem .25rem;color:#6b6b6b;font-size:.875rem}
a{color:${colour}}
[role=status]{display:inline-block;margin:0 0 1.25rem;padding:.25rem .75rem;border-radius:1rem;background:#f3e8d2;color:#6b4500;font-size:.875rem;font-weight:600}
.paid{background:#dcefe0;color:#1b5e2b}.void{background:#e9e9e9;color:#4a4a4a}
dl{display:grid;grid-template-columns:auto 1fr;gap:.5rem 1.5rem;margin:0 0 1.25rem}
dt{color:#6b6b6b}dd{margin:0}
.note{margin:0 0 1rem;padding:.75rem 1rem;background:#f7f7f5;border-left:3px solid ${colour};white-space:pre-line}
code{font-size:.875rem}`;

function header({ productName, logoUrl }: Brand): string {
  const name = escapeHtml(productName);
  return `<header>${logoUrl === null ? name : `<img src="${escapeHtml(logoUrl)}" alt="${name}">`}</header>`;
}

function footer({ productName, websiteUrl, supportEmail }: Brand): string {
  const parts = [
    escapeHtml(productName),
    ...(websiteUrl === null ? [] : [link(websiteUrl, websiteUrl)]),
    ...(supportEmail === null ? [] : [link(`mailto:${supportEmail}`, supportEmail)]),
  ];
  return `<footer>${parts.join(' · ')}</footer>`;
}

const link = (url: string, label: string) => `<a href="${escapeHtml(url)}">${escapeHtml(label)}</a>`;

function policyFor(style: string): string {
  const styleHash = `'sha256-${hash('sha256', style, 'base64')}'`;
  return `default-src 'none'; style-src ${styleHash}; img-src data: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
