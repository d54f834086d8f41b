import { ProviderError, type ProviderErrorKind } from './domain/provider-error.ts';

/** A failed HTTP answer, however it was received. */
export type FailedAnswer = {
  status: number;
  /** The body, parsed if it was JSON; anything else is ignored. */
  body: unknown;
  /** Reads a response header. */
  header: (name: string) => string | null;
  providerRequestId: string | null;
  cause?: unknown;
};

/** What vendors have in common about an error document, whoever wrote it. */
type ErrorDocument = { message: string | undefined; code: string | undefined; param: string | undefined };

const MAX_MESSAGE_LENGTH = 500;

/** Gives a failed HTTP answer its kind. The same for every path to a provider, so that they cannot differ. */
export function errorFromStatus(answer: FailedAnswer): ProviderError {
  const { status, header, providerRequestId, cause } = answer;
  const { message, code, param } = readDocument(answer.body);
  return new ProviderError(
    kindOf(status, `${code ?? ''} ${message ?? ''}`),
    (message ?? `The provider answered ${status}.`).slice(0, MAX_MESSAGE_LENGTH),
    { status, param: param ?? null, retryAfterMs: readRetryAfterMs(header), providerRequestId, cause },
  );
}

/** An error reported inside an answer that had begun well. */
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
    // the provider's own gateway gave up waiting, while the work may have gone on
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

/** OpenAI and Gemini nest under `error`, Anthropic too, xAI puts the text there, Mistral writes it at the top. */
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

/** `retry-after-ms` is what OpenAI sends beside the standard header, whose dates are rare and not worth guessing at. */
function readRetryAfterMs(header: FailedAnswer['header']): number | null {
  const milliseconds = Number(header('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const seconds = Number(header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null;
}
