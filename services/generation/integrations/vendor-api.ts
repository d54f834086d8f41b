/** JSON requests to the API of a provider, whose address only the operator sets. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { readRetryAfterMs } from '#libs/http/retry-after.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { IntegrationError } from './domain/integration.ts';

export type VendorRequest = {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  /** A request that changes nothing, or the same when it is repeated. GET always is. */
  isRepeatable?: boolean;
  body?: object;
  /** A file instead of a body, as the part `file` of a form. */
  file?: { name: string; contentType: string; bytes: Buffer };
};

/**
 * Sends one request, and waits where the provider asks for a short pause.
 * @returns the parsed body of a success.
 * @throws IntegrationError
 */
export type VendorCall = (request: VendorRequest) => Promise<unknown>;

export type VendorOptions = {
  dispatcher: Dispatcher;
  /** Such as `https://api.notion.com`. */
  baseUrl: string;
  /** As customers know the provider. */
  name: string;
  headers: Readonly<Record<string, string>>;
  /** Never part of a message. */
  token: string;
  /** Pause before every request but the first. */
  intervalMs?: number;
  /** The longest pause that is waited for. A longer one is left to the caller. */
  maxPauseMs?: number;
  timeoutMs?: number;
  signal?: AbortSignal;
};

const TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 2 * 1024 * 1024;
const MAX_PAUSE_MS = 10_000;
const DEFAULT_PAUSE_MS = 1_000;
const MAX_ATTEMPTS = 4;
/** The provider has not processed the request: too many, or overloaded. */
const NOT_PROCESSED: readonly number[] = [429, 503, 529];
const REJECTED: readonly number[] = [401, 403];
const MAX_MESSAGE = 200;

type Answer = { status: number; body: unknown; retryAfterMs: number | null };

/** Calls of one customer, one after another. */
export function createVendorCall(options: VendorOptions): VendorCall {
  const { intervalMs = 0, maxPauseMs = MAX_PAUSE_MS, signal } = options;
  let isFirst = true;
  return async (request) => {
    for (let attempt = 1; ; attempt += 1) {
      if (!isFirst) await delay(intervalMs, undefined, signal && { signal });
      isFirst = false;
      const answer = await send(request, options);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      const pauseMs = answer.retryAfterMs ?? DEFAULT_PAUSE_MS;
      const mayWait =
        NOT_PROCESSED.includes(answer.status) && attempt < MAX_ATTEMPTS && pauseMs <= maxPauseMs;
      if (!mayWait) throw failureOf(request, answer, options);
      await delay(pauseMs, undefined, signal && { signal });
    }
  };
}

async function send(
  { method, path, isRepeatable, body, file }: VendorRequest,
  options: VendorOptions,
): Promise<Answer> {
  const { dispatcher, baseUrl, name, headers, token, timeoutMs = TIMEOUT_MS, signal } = options;
  const { origin, pathname } = new URL(baseUrl);
  const deadline = AbortSignal.timeout(timeoutMs);
  const content = contentOf(body, file);
  try {
    const response = await dispatcher.request({
      origin,
      path: pathname.replace(/\/$/, '') + path,
      method,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        ...content.headers,
        ...headers,
      },
      body: content.body,
      signal: signal ? AbortSignal.any([deadline, signal]) : deadline,
    });
    const header = (key: string) => {
      const value = response.headers[key];
      return typeof value === 'string' ? value : null;
    };
    const text = await readBounded(response.body);
    return { status: response.statusCode, body: parseJson(text), retryAfterMs: readRetryAfterMs(header) };
  } catch (error) {
    signal?.throwIfAborted();
    const isHarmless = method === 'GET' || isRepeatable || isNotSent(error);
    const detail = `${name} did not answer.`;
    throw new IntegrationError(isHarmless ? 'unavailable' : 'outcome_unknown', detail, { cause: error });
  }
}

function contentOf(body: VendorRequest['body'], file: VendorRequest['file']) {
  if (file !== undefined) return formOf(file);
  if (body === undefined) return { headers: {}, body: null };
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function formOf({ name, contentType, bytes }: NonNullable<VendorRequest['file']>) {
  const boundary = randomUUID();
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\ncontent-type: ${contentType}\r\n\r\n`;
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

async function readBounded(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error('The answer is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function failureOf(
  { method, isRepeatable }: VendorRequest,
  { status, body, retryAfterMs }: Answer,
  { name, token }: VendorOptions,
): IntegrationError {
  const at = { status, retryAfterMs };
  if (REJECTED.includes(status))
    return new IntegrationError('credentials_rejected', `${name} does not accept the token.`, at);
  if (NOT_PROCESSED.includes(status))
    return new IntegrationError('unavailable', `${name} is not available at the moment.`, at);
  if (status < 400 || status >= 500) {
    const isHarmless = method === 'GET' || isRepeatable;
    return new IntegrationError(
      isHarmless ? 'unavailable' : 'outcome_unknown',
      `${name} answered ${status}.`,
      at,
    );
  }
  const message = messageOf(body, token);
  return new IntegrationError('refused', `${name} refused${message === '' ? '.' : `: ${message}`}`, at);
}

/** What the provider says, as one short line without the token. */
function messageOf(body: unknown, token: string): string {
  const { message } = (body ?? {}) as { message?: unknown };
  if (typeof message !== 'string') return '';
  return message
    .replaceAll(token, '…')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_MESSAGE);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
