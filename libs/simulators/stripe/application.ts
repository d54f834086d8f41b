/**
 * The application that checkout and portal return to in an installation without a frontend: sign-up, plans and payments in
 * a browser. It is an ordinary client of the public API.
 */
import {
  type CurrentSubscription,
  currentSubscription,
  type PlanList,
  planList,
} from '#libs/contracts/plans.ts';
import { type Form, text } from './form.ts';
import { alert, amountRow, badge, escapeHtml, linkTo, money, type Page, page } from './page-layout.ts';

export const APPLICATION_PATH = '/app';
const BANNER = 'A stand-in for your own application. It uses the public API only.';
const SESSION_COOKIE = 'inkmeter_application';
/** The plan whose payment is open: the page after it waits until billing has had the provider's event. */
const PLAN_COOKIE = 'inkmeter_ordered_plan';
const SHOWN_LIMITS = 6;

export type ApplicationRequest = { method: string; path: string; form: Form; cookies: string | undefined };
export type ApplicationPage = Page & { cookie?: string };

type Answer = { status: number; body: Record<string, unknown> };
/** Sends a body with POST. */
type Call = (route: string, body?: object) => Promise<Answer>;

/** Serves a page; undefined for a path that is not the application's. */
export async function serveApplication(
  apiUrl: string,
  { method, path, form, cookies = '' }: ApplicationRequest,
): Promise<ApplicationPage | undefined> {
  const [, folder, action] = path.split('/');
  const token = cookieOf(cookies, SESSION_COOKIE);
  const call = createCall(apiUrl, token);
  if (folder === 'billing' && action === 'success') return paidPage(call, cookieOf(cookies, PLAN_COOKIE));
  if (folder === 'billing' || path === '/') return { redirect: APPLICATION_PATH };
  if (folder !== 'app') return undefined;
  if (method !== 'POST') return token === undefined ? signInPage('') : accountPage(call, '');
  switch (action) {
    case 'register':
    case 'login':
      return signIn(call, action, form);
    case 'sign-out':
      return { redirect: APPLICATION_PATH, cookie: cookie(SESSION_COOKIE, '', 0) };
    case 'portal':
      return open(call, await call('/api/billing/portal', {}));
    case 'plan': {
      const change = text(form, 'change') === 'downgrade' ? 'downgrade' : 'upgrade';
      const plan = text(form, 'plan') ?? '';
      const page = await open(call, await call(`/api/subscription/${change}`, { plan }));
      return { ...page, cookie: cookie(PLAN_COOKIE, encodeURIComponent(plan), ORDER_SECONDS) };
    }
    default:
      return undefined;
  }
}

function createCall(apiUrl: string, token: string | undefined): Call {
  return async (route, body) => {
    const response = await fetch(`${apiUrl}${route}`, {
      headers: {
        'content-type': 'application/json',
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
}

const cookie = (name: string, value: string, seconds: number) =>
  `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}`;

const cookieOf = (cookies: string, name: string) => new RegExp(`(?:^|; )${name}=([^;]+)`).exec(cookies)?.[1];

const SESSION_SECONDS = 86_400;
const ORDER_SECONDS = 3600;

async function signIn(call: Call, action: 'register' | 'login', form: Form): Promise<ApplicationPage> {
  const [email = '', password = ''] = [text(form, 'email'), text(form, 'password')];
  const name = text(form, 'name') || email;
  const { status, body } = await call(`/api/auth/${action}`, {
    ...{ email, password },
    ...(action === 'register' && { name, account_name: name }),
  });
  const { access_token: token } = body;
  if (status >= 300 || typeof token !== 'string') return signInPage(detailOf(body), email);
  return { redirect: APPLICATION_PATH, cookie: cookie(SESSION_COOKIE, token, SESSION_SECONDS) };
}

/** Opens the page that an answer names; else shows the account, and why nothing changed. */
async function open(call: Call, { status, body }: Answer): Promise<ApplicationPage> {
  const url = body.checkout_url ?? body.url;
  if (typeof url === 'string') return { redirect: url };
  return status < 300 ? { redirect: APPLICATION_PATH } : accountPage(call, detailOf(body));
}

function detailOf({ detail, title }: Record<string, unknown>): string {
  return String(detail ?? title ?? 'The request failed.');
}

const application = (status: number, title: string, body: string, isWide = false) =>
  page(status, title, body, isWide, BANNER);

/** Shows itself again until the ordered plan is in force, then opens the account. */
async function paidPage(call: Call, ordered: string | undefined): Promise<Page> {
  const { status, body } = await call('/api/subscription/current');
  const isWaiting =
    status === 200 &&
    ordered !== undefined &&
    currentSubscription.parse(body.data).plan !== decodeURIComponent(ordered);
  const then = isWaiting
    ? '<script>setTimeout(() => location.reload(), 500)</script>'
    : `<script>setTimeout(() => location.replace('${APPLICATION_PATH}'), 1500)</script>`;
  return application(
    200,
    'Thank you',
    `<section><p>${isWaiting ? 'Paid. Your plan will be in force in a moment.' : 'Paid. Your plan is in force.'}</p>${linkTo('account', APPLICATION_PATH, 'Your account')}</section>${then}`,
  );
}

function signInPage(message: string, email = ''): Page {
  const fields = (autocomplete: string) =>
    `<input name="email" type="email" required placeholder="E-mail address" aria-label="E-mail address" value="${escapeHtml(email)}">
    <input name="password" type="password" required placeholder="Password" aria-label="Password" autocomplete="${autocomplete}">`;
  return application(
    message === '' ? 200 : 400,
    'Welcome',
    `${message === '' ? '' : `<div class="all">${alert(message)}</div>`}
    <section><h2>Create an account</h2><form method="post" action="${APPLICATION_PATH}/register">
    <input name="name" placeholder="Name" aria-label="Name">${fields('new-password')}
    <button class="primary">Create account</button></form></section>
    <section><h2>Sign in</h2><form method="post" action="${APPLICATION_PATH}/login">${fields('current-password')}
    <button>Sign in</button></form></section>`,
    true,
  );
}

async function accountPage(call: Call, message: string): Promise<ApplicationPage> {
  const [subscription, plans] = await Promise.all([
    call('/api/subscription/current'),
    call('/api/plans/available'),
  ]);
  if (subscription.status === 401) {
    return {
      ...signInPage('Your session has expired. Sign in again.'),
      cookie: cookie(SESSION_COOKIE, '', 0),
    };
  }
  const current = currentSubscription.parse(subscription.body.data);
  return application(
    message === '' ? 200 : 402,
    'Your account',
    `${message === '' ? '' : `<div class="all">${alert(message)}</div>`}
    ${planSection(current)}${plansSection(current, planList.parse(plans.body))}`,
    true,
  );
}

function planSection(current: CurrentSubscription): string {
  const { plan_details: plan, status, limits, scheduled_change: next, access_ends_at: until } = current;
  const { cancel_at_period_end: isEnding, current_period: period } = current;
  const date = (instant: string) => instant.slice(0, 10);
  const facts = [
    `This period ends on ${date(period.end)}.`,
    ...(isEnding && until !== null ? [`The plan ends on ${date(until)}.`] : []),
    ...(next === null ? [] : [`${next.plan} begins on ${date(next.effective_at)}.`]),
    ...(status === 'past_due' && until !== null
      ? [`Pay the open invoice until ${date(until)} to keep the plan.`]
      : []),
  ];
  return `<section><h2>Your plan</h2>
    <div class="row"><b id="plan">${escapeHtml(plan.name)}</b>${badge(status)}</div>
    <p class="quiet">${escapeHtml(facts.join(' '))}</p>
    <ul>${limits
      .slice(0, SHOWN_LIMITS)
      .map((limit) => `<li>${escapeHtml(limit.text)}</li>`)
      .join('')}</ul>
    <form method="post" action="${APPLICATION_PATH}/portal"><button>Cards, invoices, cancellation</button></form>
    <form method="post" action="${APPLICATION_PATH}/sign-out"><button>Sign out</button></form></section>`;
}

function plansSection({ plan_details: own }: CurrentSubscription, { plans }: PlanList): string {
  const rows = plans.map(({ key, name, rank, price }) => {
    const { monthly_minor: amount, currency } = price;
    const label =
      amount === null ? 'on request' : amount === 0 ? 'free' : `${money(amount, currency)} a month`;
    const change = rank > own.rank ? 'upgrade' : 'downgrade';
    const button =
      key === own.key
        ? badge('current')
        : `<form method="post" action="${APPLICATION_PATH}/plan"><input type="hidden" name="change" value="${change}">
          <button name="plan" value="${escapeHtml(key)}"${change === 'upgrade' ? ' class="primary"' : ''}>
          ${change === 'upgrade' ? 'Upgrade' : 'Change'} to ${escapeHtml(name)}</button></form>`;
    return `${amountRow(name, label)}<div class="action">${button}</div>`;
  });
  return `<section><h2>Plans</h2>${rows.join('')}</section>`;
}
