/** A Stripe account that needs no network: the API, its pages and its webhooks. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import type { Clock } from '#libs/service/runtime.ts';
import { type Account, accountMs } from './account.ts';
import { type ApplicationPage, serveApplication } from './application.ts';
import { BILLING_ROUTES } from './billing-routes.ts';
import { CATALOGUE_ROUTES } from './catalogue-routes.ts';
import { CUSTOMER_ROUTES } from './customer-routes.ts';
import { openData, type StripeData } from './data.ts';
import { DISPUTE_ROUTES, openDispute } from './disputes.ts';
import { faultBody, invalid, StripeFault } from './fault.ts';
import { type Form, needText, parseForm, texts } from './form.ts';
import { INVOICE_ITEM_ROUTES } from './invoice-items.ts';
import { advanceAccount, runUntil } from './lifecycle.ts';
import { MONEY_ROUTES } from './money-routes.ts';
import { servePage } from './pages.ts';
import type { Route } from './route.ts';
import { type Chaos, createWebhooks, NO_CHAOS, type WebhookEndpoint } from './webhooks.ts';

const ROUTES: readonly Route[] = [
  ...CATALOGUE_ROUTES,
  ...CUSTOMER_ROUTES,
  ...BILLING_ROUTES,
  ...INVOICE_ITEM_ROUTES,
  ...MONEY_ROUTES,
  ...DISPUTE_ROUTES,
];
const SERIES_BYTES = 3;
const TICK_MS = 1_000;

export type StripeSimulatorOptions = {
  port?: number;
  host?: string;
  clock: Clock;
  random?: () => number;
  /** Keeps the account between starts. */
  file?: string;
  webhooks?: readonly WebhookEndpoint[];
  /** The public API. With it, the pages return to an application that uses it. */
  apiUrl?: string | undefined;
  /** What happens once the card retries are used up; `cancel` by default. */
  afterRetries?: 'cancel' | 'unpaid';
  /** Delivers webhooks and lets time pass by itself. Otherwise `flush` and `advance` do. */
  isLive?: boolean;
};

export type StripeSimulator = {
  url: string;
  port: number;
  data: StripeData;
  chaos: Chaos;
  /** Moves the account's clock, as the days between would. */
  advance: (byMs: number) => void;
  /** Lets happen what is due now, and delivers the webhooks that are due. */
  flush: () => Promise<void>;
  /** A cardholder's bank takes a payment back. @returns the dispute's id. */
  dispute: (chargeId: string) => string;
  close: () => Promise<void>;
};

/** @throws Error with the system's code, such as EADDRINUSE. */
export async function startStripeSimulator(options: StripeSimulatorOptions): Promise<StripeSimulator> {
  const { port = 0, host = '127.0.0.1', clock, random = Math.random, webhooks: endpoints = [] } = options;
  const { data, save, close } = openData(options.file, randomBytes(SERIES_BYTES).toString('hex'));
  const chaos: Chaos = { ...NO_CHAOS };
  const account: Account = {
    data,
    machineMs: () => clock.now().getTime(),
    url: '',
    pinned: null,
    afterRetries: options.afterRetries ?? 'cancel',
    onEvent: (event) => webhooks.enqueue(event),
  };
  const webhooks = createWebhooks(account, endpoints, { chaos: () => chaos, random });
  const letTimePass = () => runUntil(account, null, Math.floor(accountMs(account) / 1000));
  const flush = async () => {
    const hasChanged = letTimePass();
    const hasSent = await webhooks.flush();
    if (hasChanged || hasSent) save();
  };
  const simulator = { account, chaos, random, save, flush, letTimePass, apiUrl: options.apiUrl };
  const server = createServer((request, response) => {
    void serve(simulator, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: listening } = server.address() as AddressInfo;
  account.url = `http://${host}:${listening}`;
  const ticking = options.isLive === true ? setInterval(() => void flush(), TICK_MS) : undefined;
  return {
    url: account.url,
    port: listening,
    data,
    chaos,
    advance: (byMs) => {
      advanceAccount(account, accountMs(account) + byMs);
      save();
    },
    flush,
    dispute: (chargeId) => openDispute(account, chargeId).id,
    close: async () => {
      if (!server.listening) return;
      clearInterval(ticking);
      close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Served = {
  account: Account;
  chaos: Chaos;
  random: () => number;
  save: () => void;
  flush: () => Promise<void>;
  letTimePass: () => boolean;
  apiUrl: string | undefined;
};

async function serve(simulator: Served, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { account } = simulator;
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const method = request.method ?? 'GET';
  const body = await readText(request).catch(() => '');
  try {
    const form = parseForm(method === 'GET' || (method === 'DELETE' && body === '') ? query : body);
    if (path === '/health') return sendJson(response, 200, '{"status":"ok"}');
    if (path.startsWith('/_simulator/')) return await control(simulator, path, form, response);
    if (path.startsWith('/v1/') || path.startsWith('/v2/')) {
      return serveApi(simulator, { method, path, form, body }, request, response);
    }
    const { apiUrl } = simulator;
    const sent = { method, path, form, cookies: request.headers.cookie };
    const ofApplication = apiUrl === undefined ? undefined : await serveApplication(apiUrl, sent);
    if (ofApplication !== undefined) return sendPage(response, ofApplication);
    const page = servePage(account, method, path, form);
    if (page === undefined) throw new StripeFault(404, `Unrecognized request URL (${method}: ${path}).`);
    simulator.save();
    sendPage(response, page);
  } catch (error) {
    const fault =
      error instanceof StripeFault ? error : new StripeFault(500, String(error), { type: 'api_error' });
    sendJson(response, fault.status, faultBody(fault));
  }
}

/** `/_simulator/advance` {seconds} and `/_simulator/chaos`: what the real API does not have. */
async function control(simulator: Served, path: string, form: Form, response: ServerResponse): Promise<void> {
  const { account, chaos } = simulator;
  if (path === '/_simulator/advance') {
    const seconds = Number(needText(form, 'seconds'));
    if (!Number.isSafeInteger(seconds) || seconds < 0)
      throw invalid('seconds must be a whole number.', 'seconds');
    advanceAccount(account, accountMs(account) + seconds * 1000);
    await simulator.flush();
  } else if (path === '/_simulator/chaos') {
    for (const name of ['duplicate', 'drop', 'delayMs', 'rateLimit', 'lostAnswers'] as const)
      if (typeof form[name] === 'string') chaos[name] = Number(form[name]);
    for (const name of ['shuffle', 'sameSecond'] as const)
      if (typeof form[name] === 'string') chaos[name] = form[name] === 'true';
  } else throw new StripeFault(404, `Unrecognized request URL (${path}).`);
  sendJson(response, 200, JSON.stringify({ now: new Date(accountMs(account)).toISOString(), chaos }));
}

function serveApi(
  { account, chaos, random, save, letTimePass }: Served,
  call: { method: string; path: string; form: Form; body: string },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method, path, form, body } = call;
  if (!/^Bearer \S+/.test(request.headers.authorization ?? ''))
    throw new StripeFault(401, 'You did not provide an API key.');
  if (random() < chaos.rateLimit)
    throw new StripeFault(429, 'Too many requests.', { type: 'rate_limit_error', code: 'rate_limit' });
  const key = request.headers['idempotency-key'];
  const isWrite = method === 'POST' && typeof key === 'string';
  const fingerprint = createHash('sha256').update(`${method} ${path} ${body}`).digest('hex');
  const stored = isWrite ? account.data.idempotency[key] : undefined;
  if (stored !== undefined) {
    if (stored.fingerprint !== fingerprint)
      throw new StripeFault(400, 'Keys for idempotent requests can only be used with the same parameters.', {
        type: 'idempotency_error',
      });
    response.setHeader('idempotent-replayed', 'true');
    sendJson(response, stored.status, stored.body);
    return;
  }
  // What was due before this request has happened.
  letTimePass();
  const answer = answerOf(account, method, path, form);
  if (isWrite) account.data.idempotency[key] = { fingerprint, ...answer };
  if (method !== 'GET') save();
  if (method !== 'GET' && random() < chaos.lostAnswers) {
    response.destroy();
    return;
  }
  sendJson(response, answer.status, answer.body);
}

function answerOf(
  account: Account,
  method: string,
  path: string,
  form: Form,
): { status: number; body: string } {
  try {
    for (const [routeMethod, pattern, handle] of ROUTES) {
      const id = routeMethod === method ? matchPath(pattern, path) : undefined;
      if (id === undefined) continue;
      const object = JSON.parse(JSON.stringify(handle({ account, form, id })));
      for (const name of texts(form, 'expand')) expand(account, object, name.split('.'));
      return { status: 200, body: JSON.stringify(object) };
    }
    throw new StripeFault(404, `Unrecognized request URL (${method}: ${path}).`);
  } catch (error) {
    if (error instanceof StripeFault && error.status !== 429)
      return { status: error.status, body: faultBody(error) };
    throw error;
  }
}

/** The id in the path, empty for a pattern without one; undefined where the path does not match. */
function matchPath(pattern: string, path: string): string | undefined {
  const [head = '', tail = ''] = pattern.split(':id');
  if (!pattern.includes(':id')) return pattern === path ? '' : undefined;
  if (!path.startsWith(head) || !path.endsWith(tail)) return undefined;
  const id = path.slice(head.length, tail === '' ? undefined : -tail.length);
  return id === '' || id.includes('/') ? undefined : decodeURIComponent(id);
}

/** Replaces an id by its object, as `expand[]=latest_invoice` and `expand[]=data.customer` ask. */
function expand(account: Account, target: Record<string, unknown>, [name = '', ...rest]: string[]): void {
  if (name === 'data' && Array.isArray(target.data)) {
    for (const row of target.data) expand(account, row, [...rest]);
    return;
  }
  const value = target[name];
  if (typeof value === 'string' && rest.length === 0) target[name] = objectById(account, value) ?? value;
}

function objectById({ data }: Account, id: string): object | undefined {
  const tables = [
    data.customers,
    data.subscriptions,
    data.invoices,
    data.paymentIntents,
    data.charges,
    data.products,
    data.prices,
    data.paymentMethods,
    data.schedules,
  ];
  return tables.map((table) => table[id]).find((row) => row !== undefined);
}

function sendPage(response: ServerResponse, page: ApplicationPage): void {
  const cookie = page.cookie !== undefined && { 'set-cookie': page.cookie };
  if ('redirect' in page) response.writeHead(303, { location: page.redirect, ...cookie }).end();
  else
    response.writeHead(page.status, { 'content-type': 'text/html; charset=utf-8', ...cookie }).end(page.html);
}

function sendJson(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}
