/** Why a provider call failed. */
export const PROVIDER_ERROR_KINDS = [
  /** The request was invalid. */
  'bad_request',
  /** The prompt exceeds the model's context window. */
  'context_length',
  /** Refused by moderation. */
  'refused',
  /** A parameter that the provider lacks; refused before anything was sent. */
  'unsupported',
  /** The provider rejected our key. */
  'authentication',
  /** The provider does not know the model. */
  'not_found',
  /** An answer that only our configuration or a proxy explains, such as a redirect. Nothing was produced. */
  'misdirected',
  'rate_limited',
  'overloaded',
  'server',
  /** No answer in time; the call may have been completed and billed. */
  'timeout',
  /** No connection was made, so nothing was sent. */
  'connect',
  /** The connection broke during the call. */
  'broken',
  'malformed',
  /** We ended the call. */
  'cancelled',
] as const;
export type ProviderErrorKind = (typeof PROVIDER_ERROR_KINDS)[number];

export type Blame = 'caller' | 'provider' | 'us' | 'network';

type Traits = {
  retryable: boolean;
  blame: Blame;
  /** The provider received the request and reported no failure, so the call may have been completed. */
  mayBeBilled?: true;
};

/** A call is repeated only if nothing can have been produced, and so nothing billed. */
const TRAITS: Readonly<Record<ProviderErrorKind, Traits>> = {
  bad_request: { retryable: false, blame: 'caller' },
  context_length: { retryable: false, blame: 'caller' },
  refused: { retryable: false, blame: 'caller' },
  unsupported: { retryable: false, blame: 'caller' },
  authentication: { retryable: false, blame: 'us' },
  not_found: { retryable: false, blame: 'us' },
  misdirected: { retryable: false, blame: 'us' },
  rate_limited: { retryable: true, blame: 'us' },
  overloaded: { retryable: true, blame: 'provider' },
  server: { retryable: true, blame: 'provider' },
  timeout: { retryable: false, blame: 'provider', mayBeBilled: true },
  connect: { retryable: true, blame: 'network' },
  broken: { retryable: false, blame: 'network', mayBeBilled: true },
  malformed: { retryable: false, blame: 'provider', mayBeBilled: true },
  cancelled: { retryable: false, blame: 'us', mayBeBilled: true },
};

export type ProviderErrorDetails = {
  /** The HTTP status, if there was a response. */
  status?: number | null;
  retryAfterMs?: number | null;
  /** The parameter that the provider rejected. */
  param?: string | null;
  providerRequestId?: string | null;
  /** Output tokens that the provider said it had produced before it failed. */
  producedTokens?: number;
  cause?: unknown;
};

/**
 * The only error that an adapter throws. `message` is the provider's or ours; clients see it only if their request caused
 * the failure.
 */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly kind: ProviderErrorKind;
  readonly retryable: boolean;
  readonly blame: Blame;
  readonly mayBeBilled: boolean;
  readonly status: number | null;
  readonly retryAfterMs: number | null;
  readonly param: string | null;
  readonly providerRequestId: string | null;
  readonly producedTokens: number | undefined;

  constructor(kind: ProviderErrorKind, message: string, details: ProviderErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.kind = kind;
    this.retryable = TRAITS[kind].retryable;
    this.blame = TRAITS[kind].blame;
    this.mayBeBilled = TRAITS[kind].mayBeBilled ?? false;
    this.status = details.status ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.param = details.param ?? null;
    this.providerRequestId = details.providerRequestId ?? null;
    this.producedTokens = details.producedTokens;
  }
}

/** A parameter that the provider lacks. It is refused before anything is sent, because dropping it would change the answer. */
export function unsupported(param: string, why: string): ProviderError {
  return new ProviderError('unsupported', `${param} is not supported for this model: ${why}`, { param });
}

export function notJson(cause?: unknown): ProviderError {
  return new ProviderError('malformed', "The provider's answer is not valid JSON.", { cause });
}

/** The provider's answer has a shape that the adapter did not expect. */
export function unreadable(cause: unknown): ProviderError {
  return new ProviderError('malformed', "The provider's answer cannot be read.", { cause });
}

export function tooLarge(): ProviderError {
  return new ProviderError('malformed', "The provider's answer is too large.");
}

export function endedEarly(): ProviderError {
  return new ProviderError('broken', 'The stream ended before the answer was complete.');
}
