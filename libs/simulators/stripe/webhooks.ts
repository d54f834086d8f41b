/** Signed deliveries of events, with retries, and the faults that a test can switch on. */
import Stripe from 'stripe';
import { type Account, accountMs } from './account.ts';
import type { Delivery } from './data.ts';

const MINUTE_MS = 60_000;
/** Pauses before each further attempt: about three days in all. */
const RETRY_MS = [5, 30, 120, 300, 600, 720, 720, 720, 720].map((minutes) => minutes * MINUTE_MS);
const ATTEMPT_TIMEOUT_MS = 10_000;
const KEPT_SECONDS = 30 * 24 * 3_600;
const MAX_PARALLEL = 16;
/** More than this is a rush, as at the renewal of many customers. */
const MAX_IN_ORDER = 100;

export type WebhookEndpoint = {
  url: string;
  /** More than one while a secret is rotated: each signs. */
  secrets: readonly string[];
  payload: 'snapshot' | 'thin';
};

/** Probabilities between 0 and 1, and switches. */
export type Chaos = {
  shuffle: boolean;
  duplicate: number;
  drop: number;
  /** Longest delay of a delivery. */
  delayMs: number;
  /** Every event of a minute has the same `created`. */
  sameSecond: boolean;
  /** API requests that are answered with 429. */
  rateLimit: number;
  /** Writes whose answer is lost. */
  lostAnswers: number;
};

export const NO_CHAOS: Chaos = {
  shuffle: false,
  duplicate: 0,
  drop: 0,
  delayMs: 0,
  sameSecond: false,
  rateLimit: 0,
  lostAnswers: 0,
};

export type Webhooks = {
  enqueue: (event: Stripe.EventBase) => void;
  /** Sends everything that is due. Resolves when each attempt has been answered. @returns whether something was. */
  flush: () => Promise<boolean>;
};

export function createWebhooks(
  account: Account,
  endpoints: readonly WebhookEndpoint[],
  { chaos, random }: { chaos: () => Chaos; random: () => number },
): Webhooks {
  const { data } = account;
  let running: Promise<boolean> | undefined;

  function enqueue(event: Stripe.EventBase): void {
    const { drop, duplicate, delayMs, sameSecond } = chaos();
    if (sameSecond) event.created -= event.created % 60;
    for (const endpoint of endpoints.keys()) {
      if (random() < drop) continue;
      const dueMs = accountMs(account) + Math.floor(random() * delayMs);
      const delivery = { event: event.id, endpoint, attempt: 0, dueMs };
      data.deliveries.push(delivery);
      if (random() < duplicate) data.deliveries.push({ ...delivery });
    }
    const oldest = event.created - KEPT_SECONDS;
    while (data.events[0] !== undefined && data.events[0].created < oldest) data.events.shift();
  }

  async function attempt(delivery: Delivery): Promise<void> {
    const event = data.events.findLast(({ id }) => id === delivery.event);
    const endpoint = endpoints[delivery.endpoint];
    if (event === undefined || endpoint === undefined) return;
    if (await send(endpoint, event, Math.floor(accountMs(account) / 1000))) return;
    const pause = RETRY_MS[delivery.attempt];
    if (pause === undefined) return;
    const dueMs = accountMs(account) + pause;
    data.deliveries.push({ ...delivery, attempt: delivery.attempt + 1, dueMs });
  }

  async function sendDue(): Promise<boolean> {
    for (let hasSent = false; ; hasSent = true) {
      const now = accountMs(account);
      const due = data.deliveries.filter(({ dueMs }) => dueMs <= now);
      if (due.length === 0) return hasSent;
      data.deliveries = data.deliveries.filter(({ dueMs }) => dueMs > now);
      const isShuffled = chaos().shuffle;
      if (isShuffled) due.sort(() => random() - 0.5);
      const parallel = isShuffled || due.length > MAX_IN_ORDER ? MAX_PARALLEL : 1;
      for (let first = 0; first < due.length; first += parallel) {
        await Promise.all(due.slice(first, first + parallel).map(attempt));
      }
    }
  }

  return {
    enqueue,
    async flush() {
      await running;
      running = sendDue().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

async function send(endpoint: WebhookEndpoint, event: Stripe.EventBase, timestamp: number): Promise<boolean> {
  const payload = JSON.stringify(endpoint.payload === 'thin' ? thinEvent(event) : event);
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    'stripe-signature': signatureOf(payload, endpoint.secrets, timestamp),
  };
  try {
    const signal = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS);
    const response = await fetch(endpoint.url, { method: 'POST', headers, body: payload, signal });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

const signer = new Stripe('sk_test_simulated').webhooks;

/** The header of a delivery: one signature for each secret. */
export function signatureOf(payload: string, secrets: readonly string[], timestamp: number): string {
  const signatures = secrets.map(
    (secret) => signer.generateTestHeaderString({ payload, secret, timestamp }).split(',')[1],
  );
  return [`t=${timestamp}`, ...signatures].join(',');
}

/** A thin payload names the object and carries nothing of it. */
export function thinEvent(event: Stripe.EventBase) {
  const object: Record<string, unknown> = { ...event.data.object };
  const { id, object: type, customer } = object;
  return {
    id: event.id,
    object: 'v2.core.event',
    type: `v1.${event.type}`,
    livemode: event.livemode,
    created: new Date(event.created * 1000).toISOString(),
    related_object:
      typeof id === 'string' ? { id, type, url: `${PATHS[String(type)] ?? '/v1/objects'}/${id}` } : null,
    ...(event.type === 'invoice.upcoming' && { data: { customer } }),
    reason: null,
  };
}

const PATHS: Readonly<Record<string, string>> = {
  customer: '/v1/customers',
  subscription: '/v1/subscriptions',
  invoice: '/v1/invoices',
  charge: '/v1/charges',
  refund: '/v1/refunds',
  credit_note: '/v1/credit_notes',
  dispute: '/v1/disputes',
  payment_method: '/v1/payment_methods',
  payment_intent: '/v1/payment_intents',
  subscription_schedule: '/v1/subscription_schedules',
  'checkout.session': '/v1/checkout/sessions',
};
