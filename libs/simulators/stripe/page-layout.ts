/** The look of the simulated pages. */
import type Stripe from 'stripe';
import { TEST_CARDS } from './checkout.ts';

export type Page = { status: number; html: string } | { redirect: string };

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeHtml = (value: string) => value.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);

export function money(minor: number, currency: string): string {
  return `${(minor / 100).toFixed(2)} ${currency.toUpperCase()}`;
}

export function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

export const alert = (message: string) =>
  message === '' ? '' : `<p class="alert" role="alert">${escapeHtml(message)}</p>`;

export const badge = (text: string) => `<span class="badge ${escapeHtml(text)}">${escapeHtml(text)}</span>`;

/** A row with an amount at its end. */
export const amountRow = (label: string, amount: string, isTotal = false) =>
  `<div class="row${isTotal ? ' total' : ''}"><span>${escapeHtml(label)}</span><span>${escapeHtml(amount)}</span></div>`;

/** How many of what cost how much. */
export function priceRow({ unit_amount, currency, recurring }: Stripe.Price, quantity: number): string {
  const each = money(unit_amount ?? 0, currency);
  const label = `${quantity} × ${each} a ${recurring?.interval ?? 'period'}`;
  return amountRow(label, money((unit_amount ?? 0) * quantity, currency));
}

export function linkTo(id: string, url: string | null, text: string): string {
  return url === null ? '' : `<p><a id="${id}" href="${escapeHtml(url)}">${escapeHtml(text)}</a></p>`;
}

/** The usual one first; an object would sort its numeric keys. */
const CARDS = ['4242', '0002', '3155', '3184', '0341'];

/** One button for each test card, which is all that is ever entered. */
export function cardButtons(verb: string): string {
  return CARDS.map(
    (last4) => `<button class="card" name="card" value="${last4}">
      <span><b>${verb} •••• ${last4}</b><small>${TEST_CARDS[last4]?.label}</small></span><span aria-hidden="true">›</span></button>`,
  ).join('');
}

export function cardLine({ card }: Stripe.PaymentMethod, isDefault: boolean): string {
  const text = `${card?.brand ?? 'Card'} •••• ${card?.last4 ?? ''}`;
  return `<div class="row"><span>${escapeHtml(text)}</span>${isDefault ? badge('default') : ''}</div>`;
}

const CSS = `
*{box-sizing:border-box}
body{margin:0;background:#f4f6fa;color:#1a1f36;font:16px/1.5 system-ui,sans-serif}
header{background:#312e81;color:#e0e7ff;padding:.6rem 1.5rem;font-size:.85rem}
main{max-width:34rem;margin:2.5rem auto;padding:0 1rem}
main.wide{max-width:58rem;display:grid;grid-template-columns:1fr 1fr;gap:1.5rem;align-items:start}
main.wide>h1,.all{grid-column:1/-1}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1rem;margin:0 0 .75rem}
section{background:#fff;border:1px solid #e3e8ee;border-radius:.6rem;padding:1.25rem;margin-bottom:1.25rem}
section>:first-child{margin-top:0}section>:last-child{margin-bottom:0}
.row{display:flex;justify-content:space-between;gap:1rem;padding:.35rem 0}
.total{border-top:1px solid #e3e8ee;font-weight:600;margin-top:.4rem;padding-top:.7rem}
button{font:inherit;cursor:pointer;border-radius:.4rem;border:1px solid #c7cfdb;background:#fff;padding:.55rem .9rem;color:inherit}
button:hover{border-color:#4f46e5}button.primary{background:#4f46e5;border-color:#4f46e5;color:#fff}
button.card{display:flex;justify-content:space-between;align-items:center;width:100%;text-align:left;margin:.45rem 0}
button.card small{display:block;color:#697386}
input{font:inherit;width:100%;padding:.5rem .7rem;border:1px solid #c7cfdb;border-radius:.4rem;margin-bottom:.6rem}
.alert{background:#fdecea;border:1px solid #f5c2bd;color:#8c1d18;border-radius:.4rem;padding:.6rem .8rem;margin:0 0 1rem}
.badge{background:#e3e8ee;border-radius:1rem;padding:.1rem .6rem;font-size:.8rem}
.badge.active,.badge.paid,.badge.trialing{background:#d7f7e0;color:#0b6b2b}
.badge.past_due,.badge.open,.badge.unpaid{background:#fdecea;color:#8c1d18}
h3{font-size:.95rem;margin:.6rem 0 0}ul{margin:.25rem 0 1rem;padding-left:1.2rem}form+form{margin-top:.6rem}
.action{display:flex;justify-content:flex-end;padding-bottom:.6rem;border-bottom:1px solid #e3e8ee;margin-bottom:.6rem}
.action:last-child{border:0;margin:0;padding:0}
a{color:#4f46e5}.quiet{color:#697386}
@media(max-width:44rem){main.wide{display:block}}`;

const BANNER = 'Simulated Stripe. No card data is entered, and no money moves.';

export function page(status: number, title: string, body: string, isWide = false, banner = BANNER): Page {
  return {
    status,
    html: `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title>
<style>${CSS}</style></head><body><header>${banner}</header>
<main${isWide ? ' class="wide"' : ''}><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`,
  };
}
