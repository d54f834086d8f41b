/** The HTTP status, public texts and OpenAI error type of one problem code. */
export type ProblemDefinition = {
  readonly status: number;
  readonly title: string;
  /** Default public detail, used when the thrower passes none. */
  readonly detail: string;
  /** `code` defaults to our own code; it is set only where OpenAI clients expect a different one. */
  readonly openai: { readonly type: string; readonly code?: string };
  /** Headers sent with every response that has this code. */
  readonly headers?: Readonly<Record<string, string>>;
};

const invalidRequest = { type: 'invalid_request_error' } as const;
const authentication = { type: 'authentication_error' } as const;
const permission = { type: 'permission_error' } as const;
const quota = { type: 'insufficient_quota', code: 'insufficient_quota' } as const;
const server = { type: 'server_error' } as const;

const bearerChallenge = { 'www-authenticate': 'Bearer' } as const;
const invalidTokenChallenge = { 'www-authenticate': 'Bearer error="invalid_token"' } as const;

/**
 * The OpenAI and Anthropic SDKs retry every 409, 429 and 5xx and sleep for `Retry-After`, which is weeks for an
 * exhausted monthly limit. They check this header first.
 */
const neverRetry = { 'x-should-retry': 'false' } as const;

/**
 * Every error that a client can receive. Codes are stable because clients branch on them: never rename or reuse one.
 * The documentation page of a code is at {@link problemTypeUri}.
 */
export const PROBLEMS = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    detail: 'The request does not match the documented format.',
    openai: invalidRequest,
  },
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    detail: 'The request body is not valid JSON.',
    openai: invalidRequest,
  },
  unsupported_parameter: {
    status: 400,
    title: 'Unsupported parameter',
    detail: 'The request contains a parameter that this route or model does not support.',
    openai: invalidRequest,
  },
  prompt_too_large: {
    status: 400,
    title: 'Prompt too large',
    detail: 'The input exceeds the context window of the model.',
    openai: { type: 'invalid_request_error', code: 'context_length_exceeded' },
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    detail: 'The request did not arrive completely in the time allowed.',
    openai: invalidRequest,
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    detail: 'The request body is larger than this route accepts.',
    openai: invalidRequest,
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'This route does not accept the content type of the request. Send application/json.',
    openai: invalidRequest,
  },
  headers_too_large: {
    status: 431,
    title: 'Headers too large',
    detail: 'The headers of the request are larger than this service accepts.',
    openai: invalidRequest,
  },

  unauthenticated: {
    status: 401,
    title: 'Not authenticated',
    detail: 'Send a valid access token or API key in the Authorization header.',
    openai: authentication,
    headers: bearerChallenge,
  },
  token_expired: {
    status: 401,
    title: 'Access token expired',
    detail: 'The access token has expired. Refresh it and repeat the request.',
    openai: authentication,
    headers: invalidTokenChallenge,
  },
  invalid_token: {
    status: 401,
    title: 'Invalid access token',
    detail: 'The access token is not valid. Sign in again.',
    openai: { type: 'authentication_error', code: 'invalid_api_key' },
    headers: invalidTokenChallenge,
  },
  invalid_api_key: {
    status: 401,
    title: 'Invalid API key',
    detail: 'The API key is unknown.',
    openai: authentication,
    headers: invalidTokenChallenge,
  },
  api_key_revoked: {
    status: 401,
    title: 'API key revoked',
    detail: 'The API key has been revoked.',
    openai: { type: 'authentication_error', code: 'invalid_api_key' },
    headers: invalidTokenChallenge,
  },
  api_key_expired: {
    status: 401,
    title: 'API key expired',
    detail: 'The API key has expired.',
    openai: { type: 'authentication_error', code: 'invalid_api_key' },
    headers: invalidTokenChallenge,
  },
  invalid_credentials: {
    status: 401,
    title: 'Invalid credentials',
    detail: 'The email address or the password is wrong.',
    openai: authentication,
  },
  refresh_token_invalid: {
    status: 401,
    title: 'Refresh token invalid',
    detail: 'The refresh token is unknown, expired or revoked. Sign in again.',
    openai: authentication,
  },
  refresh_token_reused: {
    status: 401,
    title: 'Refresh token reused',
    detail: 'The refresh token was already used, so its session was revoked. Sign in again.',
    openai: authentication,
  },

  payment_required: {
    status: 402,
    title: 'Payment required',
    detail: 'A payment is required first.',
    openai: quota,
    headers: neverRetry,
  },

  payment_provider_error: {
    status: 502,
    title: 'Payment provider error',
    detail: 'The payment provider did not accept the request, or did not answer.',
    openai: server,
  },
  payments_not_hosted: {
    status: 409,
    title: 'No payment provider',
    detail: 'This installation collects payments manually. This needs a payment provider.',
    openai: invalidRequest,
    headers: neverRetry,
  },

  account_suspended: {
    status: 403,
    title: 'Account suspended',
    detail: 'The account is suspended. Contact support.',
    openai: permission,
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'The API key lacks the scope that this route requires.',
    openai: permission,
  },
  role_required: {
    status: 403,
    title: 'Role required',
    detail: 'Your role in the account does not allow this.',
    openai: permission,
  },
  platform_role_required: {
    status: 403,
    title: 'Staff only',
    detail: 'Only platform staff may do this.',
    openai: permission,
  },
  email_not_verified: {
    status: 403,
    title: 'Email address not verified',
    detail: 'Confirm the email address first, with the link in the mail that was sent to it.',
    openai: permission,
  },
  feature_not_in_plan: {
    status: 403,
    title: 'Feature not in plan',
    detail: 'The current plan does not include this feature.',
    openai: permission,
  },
  model_not_in_plan: {
    status: 403,
    title: 'Model not in plan',
    detail: 'The current plan does not include this model.',
    openai: permission,
  },
  content_type_not_in_plan: {
    status: 403,
    title: 'Content type not in plan',
    detail: 'The current plan does not include this content type.',
    openai: permission,
  },
  quality_not_in_plan: {
    status: 403,
    title: 'Quality not in plan',
    detail: 'The current plan does not include this quality.',
    openai: permission,
  },
  platform_not_in_plan: {
    status: 403,
    title: 'Platform not in plan',
    detail: 'The current plan does not include this platform.',
    openai: permission,
  },
  meter_disabled: {
    status: 403,
    title: 'Not available on this plan',
    detail: 'The current plan does not include this kind of usage.',
    openai: permission,
  },

  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'No resource with this id exists in your account.',
    openai: invalidRequest,
  },
  route_not_found: {
    status: 404,
    title: 'Route not found',
    detail: 'This URL does not exist.',
    openai: invalidRequest,
  },
  unknown_model: {
    status: 404,
    title: 'Unknown model',
    detail: 'The model does not exist.',
    openai: { type: 'invalid_request_error', code: 'model_not_found' },
  },
  unknown_plan: {
    status: 404,
    title: 'Unknown plan',
    detail: 'No plan with this id is on offer.',
    openai: invalidRequest,
  },
  email_token_invalid: {
    status: 404,
    title: 'Link not valid',
    detail: 'The link is unknown, expired or already used.',
    openai: invalidRequest,
  },
  invitation_invalid: {
    status: 404,
    title: 'Invitation not valid',
    detail: 'The invitation is unknown, expired, revoked or already accepted.',
    openai: invalidRequest,
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    detail: 'This URL does not support this method.',
    openai: invalidRequest,
  },

  conflict: {
    status: 409,
    title: 'Conflict',
    detail: 'The request conflicts with the current state.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  email_taken: {
    status: 409,
    title: 'Email taken',
    detail: 'A user with this email address already exists.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  invitation_required: {
    status: 409,
    title: 'Invitation required',
    detail: 'This email address cannot be added directly. Invite it with POST /api/invitations.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  plan_change_not_allowed: {
    status: 409,
    title: 'Plan change not possible',
    detail: 'This plan change is not possible.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  trial_not_available: {
    status: 409,
    title: 'Trial not available',
    detail: 'This account cannot start a trial of this plan.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  idempotency_in_progress: {
    status: 409,
    title: 'Request in progress',
    detail: 'A request with this Idempotency-Key is still being processed.',
    openai: invalidRequest,
  },

  url_not_read: {
    status: 400,
    title: 'URL cannot be read',
    detail: 'An image or document that the request has as a URL cannot be read.',
    openai: invalidRequest,
    headers: neverRetry,
  },
  semantic_error: {
    status: 422,
    title: 'Request cannot be processed',
    detail: 'The request is well-formed, but cannot be processed.',
    openai: invalidRequest,
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency key reused',
    detail: 'This Idempotency-Key was already used with a different request.',
    openai: invalidRequest,
  },
  unpriced_model: {
    status: 422,
    title: 'Model has no price',
    detail: 'The model has no current price, so it cannot be used.',
    openai: invalidRequest,
  },
  prompt_refused: {
    status: 422,
    title: 'Prompt refused',
    detail: 'The moderation flagged the prompt, so nothing was generated.',
    openai: invalidRequest,
  },
  provider_refused: {
    status: 422,
    title: 'Refused by the provider',
    detail: 'The AI provider declined to answer this request.',
    openai: invalidRequest,
  },

  limit_exceeded: {
    status: 429,
    title: 'Limit exceeded',
    detail: 'The request exceeds a limit of the current plan.',
    openai: quota,
    headers: neverRetry,
  },
  limit_blocked: {
    status: 429,
    title: 'Limit almost used up',
    detail: 'Usage has reached the block threshold of a limit, so no new requests are admitted.',
    openai: quota,
    headers: neverRetry,
  },
  limit_held: {
    status: 429,
    title: 'Limit held by running requests',
    detail: 'The request will fit once running requests have finished.',
    openai: { type: 'requests', code: 'rate_limit_exceeded' },
  },
  parallel_limit: {
    status: 429,
    title: 'Too many requests at the same time',
    detail: 'The account runs as many requests as its plan allows. Wait until one of them has ended.',
    openai: { type: 'requests', code: 'rate_limit_exceeded' },
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'Too many requests in a short time. Slow down.',
    openai: { type: 'requests', code: 'rate_limit_exceeded' },
  },

  client_closed_request: {
    status: 499,
    title: 'Client closed request',
    detail: 'The client closed the connection before the response was complete.',
    openai: invalidRequest,
  },

  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'An unexpected error occurred.',
    openai: server,
  },
  provider_error: {
    status: 502,
    title: 'Provider error',
    detail: 'The request to the AI provider failed.',
    openai: server,
  },
  provider_malformed: {
    status: 502,
    title: 'Malformed provider response',
    detail: 'The AI provider sent a response that could not be parsed.',
    openai: server,
  },
  metering_unavailable: {
    status: 503,
    title: 'Metering unavailable',
    detail: 'Usage cannot be recorded at the moment, so no new requests are admitted.',
    openai: server,
  },
  emergency_stop: {
    status: 503,
    title: 'Stopped by operators',
    detail: 'Operators have stopped requests of this kind.',
    openai: server,
    headers: neverRetry,
  },
  service_unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail: 'A service that this request depends on is not available.',
    openai: server,
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    detail: 'The service is overloaded. Try again shortly.',
    openai: server,
  },
  provider_timeout: {
    status: 504,
    title: 'Provider timeout',
    detail: 'The AI provider did not respond in time.',
    openai: server,
  },
} as const satisfies Record<string, ProblemDefinition>;

/** A stable, machine-readable name of a problem. */
export type ProblemCode = keyof typeof PROBLEMS;

/** The definition of a code, typed the same for every code. */
export const problemDefinition = (code: ProblemCode): ProblemDefinition => PROBLEMS[code];

/** The `type` of RFC 9457, relative to the server: the page that documents the code. */
export const problemTypeUri = (code: ProblemCode): string => `/docs/problems/${code}`;

export const isProblemCode = (text: string): text is ProblemCode => Object.hasOwn(PROBLEMS, text);

/** Every code, grouped by status in ascending order. */
export const CODES_BY_STATUS: readonly (readonly [status: number, codes: readonly ProblemCode[]])[] = [
  ...Map.groupBy(Object.keys(PROBLEMS) as ProblemCode[], (code) => problemDefinition(code).status),
].sort(([a], [b]) => a - b);

/** A problem document with the fields that every code has. */
export function exampleProblem(code: ProblemCode) {
  const { status, title, detail } = problemDefinition(code);
  return {
    type: problemTypeUri(code),
    title,
    status,
    detail,
    code,
    request_id: '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e',
  };
}
