/** Classifies failures that providers report, by HTTP status or inside a successful answer. */
import { plausiblePause, readRetryAfterMs } from '#libs/http/retry-after.ts';
import { ProviderError, type ProviderErrorKind } from './domain/provider-error.ts';
import { fieldsOf, type JsonObject, objectsIn, textOrUndefined } from './json.ts';
import { scrubMessage } from './scrub-message.ts';

/** A failed HTTP response. */
export type FailedAnswer = {
  status: number;
  /** The parsed body; ignored unless it was JSON. */
  body: unknown;
  /** Reads a response header. */
  header: (name: string) => string | null;
  providerRequestId: string | null;
};

/** The common fields of the vendors' error documents. */
type ErrorDocument = {
  message: string | undefined;
  code: string | undefined;
  param: string | undefined;
  /** An HTTP status inside the document. */
  status: number | undefined;
  retryDelayMs: number | null;
};

/** Classifies a failed HTTP response. */
export function errorFromStatus({ status, body, header, providerRequestId }: FailedAnswer): ProviderError {
  const document = readDocument(body);
  return new ProviderError(
    kindOf(status, document),
    document.message === undefined ? `The provider answered ${status}.` : scrubMessage(document.message),
    {
      status,
      param: document.param ?? null,
      retryAfterMs: readRetryAfterMs(header) ?? document.retryDelayMs,
      providerRequestId,
    },
  );
}

/** Whether an answer, or an event of a stream, reports a failure although its HTTP status is 200. */
export function reportsError(document: JsonObject): boolean {
  const { error, object, type, choices, detail, message, code } = document;
  if (error !== undefined && error !== null && error !== false && error !== '') return true;
  if (object === 'error' || type === 'error') return true;
  if (choices !== undefined || document.candidates !== undefined || type !== undefined) return false;
  return detail !== undefined || (typeof message === 'string' && Number(code) >= 400);
}

/** An error reported inside an answer whose HTTP status is 200. */
export function errorFromDocument(body: unknown, providerRequestId: string | null): ProviderError {
  const document = readDocument(body);
  const kind = kindOf(document.status ?? statusOfText(textOf(document)), document);
  const message = document.message === undefined ? 'The provider failed.' : scrubMessage(document.message);
  return new ProviderError(kind, message, {
    param: document.param ?? null,
    retryAfterMs: document.retryDelayMs,
    providerRequestId,
  });
}

const textOf = ({ code = '', message = '' }: ErrorDocument) => `${code} ${message}`;

/** The status that a vendor's error code stands for; 500 for others. */
function statusOfText(text: string): number {
  if (/overloaded|unavailable/i.test(text)) return 529;
  if (/rate.?limit|resource.?exhausted|too many requests/i.test(text)) return 429;
  if (/invalid.?(request|argument)|bad.?request|context.?length/i.test(text)) return 400;
  if (/authentication|permission|unauthenticated|billing/i.test(text)) return 401;
  if (/not.?found/i.test(text)) return 404;
  if (/time(d.?)?out|deadline/i.test(text)) return 504;
  return 500;
}

/**
 * A request is the caller's fault only if the vendor's own error document says so: a proxy, a redirect or a full account of
 * ours can have any status.
 */
function kindOf(status: number, document: ErrorDocument): ProviderErrorKind {
  const text = textOf(document);
  if (isModeration(status, text)) return 'refused';
  if (isAboutOurAccount(status, text)) return 'authentication';
  switch (status) {
    case 401:
    case 402:
    case 403:
    case 407:
      return 'authentication';
    case 404:
      return 'not_found';
    case 408:
    // the provider's gateway stopped waiting, while the call may have continued
    case 504:
    case 524:
      return 'timeout';
    case 429:
      return 'rate_limited';
    case 503:
    case 529:
      return 'overloaded';
  }
  if (status >= 500) return 'server';
  if (document.message === undefined) return 'misdirected';
  if (
    /context.?length|maximum (?:context|prompt length)|too many (input )?tokens|prompt is too long|input token count/i.test(
      text,
    )
  ) {
    return 'context_length';
  }
  switch (status) {
    case 413:
      return 'context_length';
    case 400:
    case 415:
    case 422:
      return 'bad_request';
    default:
      return 'misdirected';
  }
}

function isModeration(status: number, text: string): boolean {
  return (
    [400, 403, 422].includes(status) &&
    /content.?(policy|filter|moderation)|moderation|safety system|usage guidelines/i.test(text)
  );
}

/** Vendors report a wrong key or an empty account with many statuses. */
function isAboutOurAccount(status: number, text: string): boolean {
  if (/insufficient.?quota/i.test(text)) return true;
  return status === 400 && /api.?key|credit balance|billing/i.test(text);
}

/**
 * OpenAI, Anthropic and Gemini nest the fields under `error`; for xAI and Ollama, `error` is the text; Mistral does not
 * nest, FastAPI calls it `detail`, Stability lists `errors`. Gemini's array answers contain one document.
 */
function readDocument(body: unknown): ErrorDocument {
  const outer = fieldsOf(Array.isArray(body) ? body[0] : body);
  const inner = fieldsOf(outer.error);
  const pick = (name: string) => textOrUndefined(inner[name]) ?? textOrUndefined(outer[name]);
  return {
    message: pick('message') ?? textOrUndefined(outer.error) ?? detailOf(outer),
    code: [pick('code'), pick('type'), pick('status'), pick('name')].filter(Boolean).join(' ') || undefined,
    param: pick('param'),
    status: [inner.code, inner.status, inner.status_code, outer.code, outer.status]
      .map(asStatus)
      .find(Boolean),
    retryDelayMs: retryDelayMs(inner.details),
  };
}

function detailOf({ detail, errors }: JsonObject): string | undefined {
  if (Array.isArray(errors))
    return textOrUndefined(errors.filter((text) => typeof text === 'string').join(' '));
  const [first] = objectsIn(detail);
  return textOrUndefined(detail) ?? textOrUndefined(first?.msg) ?? textOrUndefined(fieldsOf(detail).message);
}

function asStatus(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof status === 'number' && status >= 400 && status < 600 ? status : undefined;
}

/** https://cloud.google.com/apis/design/errors#retry_info: a number of seconds, such as `1.5s`. */
function retryDelayMs(details: unknown): number | null {
  for (const { retryDelay } of objectsIn(details)) {
    const [, seconds] = typeof retryDelay === 'string' ? (/^([\d.]+)s$/.exec(retryDelay) ?? []) : [];
    if (seconds !== undefined) return plausiblePause(Math.ceil(Number(seconds) * 1000));
  }
  return null;
}
