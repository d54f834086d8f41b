import { setTimeout as delay } from 'node:timers/promises';
import Stripe from 'stripe';

/** The version whose types the SDK has. Webhook endpoints are created with the same one. */
export const API_VERSION = '2026-10-28.endive';

const TIMEOUT_MS = 20_000;
/** With idempotency keys, so that a repeated write happens once. */
const RETRIES = 3;
const TOO_MANY_REQUESTS = 429;
const MS_PER_SECOND = 1_000;
/** Scripts send one request after another. */
const UNLIMITED = 100_000;
/** Before the first repetition; doubled before each further one. */
const RATE_PAUSE_MS = 200;

export type StripeSettings = {
  secretKey: string;
  /** Of this process. */
  requestsPerSecond?: number | undefined;
  /** Where the API is, such as `http://127.0.0.1:8091`; Stripe's own address by default. */
  host?: string | undefined;
};

export function createStripeClient({
  secretKey,
  host,
  requestsPerSecond = UNLIMITED,
}: StripeSettings): Stripe {
  const shared = {
    apiVersion: API_VERSION,
    timeout: TIMEOUT_MS,
    maxNetworkRetries: RETRIES,
    telemetry: false,
    httpClient: createHttpClient(requestsPerSecond),
    appInfo: { name: 'inkmeter' },
  } as const;
  if (host === undefined) return new Stripe(secretKey, shared);
  const { protocol, hostname, port } = new URL(host);
  const isPlain = protocol === 'http:';
  return new Stripe(secretKey, {
    ...shared,
    protocol: isPlain ? 'http' : 'https',
    host: hostname,
    port: port === '' ? (isPlain ? 80 : 443) : Number(port),
  });
}

/**
 * Stays below Stripe's limit of requests, also in a rush of events, and repeats requests that were refused for their rate,
 * which the SDK does not. Stripe has not acted on them.
 */
function createHttpClient(requestsPerSecond: number): Stripe.HttpClient {
  const client = Stripe.createNodeHttpClient();
  const send = client.makeRequest.bind(client);
  const turn = createRateLimit(requestsPerSecond);
  client.makeRequest = async (...request) => {
    for (let attempt = 0; ; attempt += 1) {
      await turn();
      const response = await send(...request);
      if (response.getStatusCode() !== TOO_MANY_REQUESTS || attempt === RETRIES) return response;
      await response.toJSON();
      await delay(RATE_PAUSE_MS * 2 ** attempt * (1 + Math.random()));
    }
  };
  return client;
}

/** @returns a function that resolves when the next request may be sent. A second without requests is made up for. */
export function createRateLimit(perSecond: number): () => Promise<void> {
  const intervalMs = MS_PER_SECOND / perSecond;
  let nextMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = performance.now();
    nextMs = Math.max(nextMs, nowMs - MS_PER_SECOND) + intervalMs;
    if (nextMs > nowMs) await delay(nextMs - nowMs);
  };
}

/** Whether the keys of this installation move money. Events of the other mode are not ours. */
export function isLiveKey(secretKey: string): boolean {
  return /^(sk|rk)_live_/.test(secretKey);
}

/** The id of an object that may be expanded. */
export function idOf(reference: string | { id: string }): string {
  return typeof reference === 'string' ? reference : reference.id;
}

/** Stripe counts whole seconds. */
export function instantOf(seconds: number): Date {
  return new Date(seconds * 1000);
}

export function secondsOf(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}
