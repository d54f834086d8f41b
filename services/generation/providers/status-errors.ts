import { ProviderError, type ProviderErrorKind } from './domain/provider-error.ts';

/** A failed HTTP response. */
export type FailedAnswer = {
  status: number;
  /** The parsed body; ignored unless it was JSON. */
  body: unknown;
  /** Reads a response header. */
  header: (name: string) => string | null;
  providerRequestId: string | null;
  cause?: unknown;
};

/** The common fields of the vendors' error documents. */
type ErrorDocument = { message: string | undefined; code: string | undefined; param: string | undefined };

const MAX_MESSAGE_LENGTH = 500;

/** Classifies a failed HTTP response. Every path to a provider uses this, so that they agree. */
export function errorFromStatus(answer: FailedAnswer): ProviderError {
  const { status, header, providerRequestId, cause } = answer;
  const { message, code, param } = readDocument(answer.body);
  return new ProviderError(
    kindOf(status, `${code ?? ''} ${message ?? ''}`),
    (message ?? `The provider answered ${status}.`).slice(0, MAX_MESSAGE_LENGTH),
    { status, param: param ?? null, retryAfterMs: readRetryAfterMs(header), providerRequestId, cause },
  );
}

/** An error reported inside a stream that began successfully. */
export function errorFromEvent(document: unknown, providerRequestId: string | null): ProviderError {
  const { message, code } = readDocument(document);
  const text = `${code ?? ''} ${message ?? ''}`;
  const kind = /overloaded/i.test(text)
    ? 'overloaded'
    : /rate.?limit/i.test(text)
      ? 'rate_limited'
      : 'server';
  return new ProviderError(kind, (message ?? 'The provider failed.').slice(0, MAX_MESSAGE_LENGTH), {
    providerRequestId,
  });
}

function kindOf(status: number, text: string): ProviderErrorKind {
  switch (status) {
    case 401:
    case 402:
    case 403:
      return 'authentication';
    case 404:
      return 'not_found';
    case 408:
    // the provider's gateway stopped waiting, while the call may have continued
    case 504:
      return 'timeout';
    case 429:
      return 'rate_limited';
    case 503:
    case 529:
      return 'overloaded';
  }
  if (status >= 500) return 'server';
  if (/context.?length|maximum context|too many (input )?tokens|prompt is too long/i.test(text)) {
    return 'context_length';
  }
  if (/content.?(policy|filter)|moderation|safety system/i.test(text)) return 'refused';
  return 'bad_request';
}

/** OpenAI, Anthropic and Gemini nest the fields under `error`; for xAI, `error` is the text; Mistral does not nest. */
function readDocument(body: unknown): ErrorDocument {
  const outer = asRecord(body);
  const inner = asRecord(outer.error);
  const pick = (name: string) => text(inner[name]) ?? text(outer[name]);
  return {
    message: pick('message') ?? text(outer.error) ?? text(outer.detail),
    code: pick('code') ?? pick('type') ?? pick('status'),
    param: pick('param'),
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** OpenAI also sends `retry-after-ms`. A date in the standard header is ignored. */
function readRetryAfterMs(header: FailedAnswer['header']): number | null {
  const milliseconds = Number(header('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const seconds = Number(header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
