/** Documents as signed JSON to an address of the customer, by Standard Webhooks. */
import { z } from 'zod';
import { signatureHeaders } from '#libs/auth/webhook-signature.ts';
import {
  type PublicHttp,
  PublicHttpError,
  type PublicHttpResponse,
  retryAfterOf,
} from '#libs/http/public-http.ts';
import { IntegrationError } from './domain/integration.ts';

export type WebhookOptions = {
  /** Checks the address of every connection. */
  http: Pick<PublicHttp, 'request'>;
  now: () => Date;
};

export type WebhookMessage = {
  url: string;
  secret: string;
  /** The same in every attempt. */
  id: string;
  body: object;
  signal?: AbortSignal;
};

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 65_536;
const USER_AGENT = 'Inkmeter-Integrations/1';
/** Statuses of a server that may accept the same message later. Others refuse it. */
const LATER = [408, 425, 429];
const MAX_URL = 2_000;
const MAX_ID = 500;

const answer = z.object({
  url: z
    .url({ protocol: /^https?$/ })
    .max(MAX_URL)
    .nullish()
    .catch(null),
  id: z
    .union([z.string().max(MAX_ID), z.number()])
    .nullish()
    .catch(null),
});

/** The page that the receiver has made of a document, as far as it says so. */
export type WebhookPage = { id: string | null; url: string | null };

/** Sends one message. The receiver recognises a repetition by its id. @throws IntegrationError */
export async function sendWebhook(
  { http, now }: WebhookOptions,
  message: WebhookMessage,
): Promise<WebhookPage> {
  const body = JSON.stringify(message.body);
  const response = await request(http, {
    url: message.url,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': USER_AGENT,
      ...signatureHeaders({ id: message.id, body, at: now() }, [message.secret]),
    },
    body,
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: TIMEOUT_MS,
    ...(message.signal && { signal: message.signal }),
  });
  if (response.status >= 200 && response.status < 300) return pageOf(response.body);
  const { status } = response;
  const isLater = status >= 500 || LATER.includes(status);
  throw new IntegrationError(isLater ? 'unavailable' : 'refused', `The receiver answered ${status}.`, {
    status,
    retryAfterMs: retryAfterOf(response),
  });
}

async function request(
  http: WebhookOptions['http'],
  options: Parameters<PublicHttp['request']>[0],
): Promise<PublicHttpResponse> {
  try {
    return await http.request(options);
  } catch (error) {
    if (!(error instanceof PublicHttpError)) throw error;
    const isFinal = error.code === 'blocked_address' || error.code === 'invalid_url';
    throw new IntegrationError(isFinal ? 'refused' : 'unavailable', error.message, { cause: error });
  }
}

function pageOf(body: Buffer): WebhookPage {
  const { data } = answer.safeParse(parseJson(body.toString()));
  return { id: data?.id == null ? null : String(data.id), url: data?.url ?? null };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
