import { isDatabaseAway } from '#libs/db/database-away.ts';
import { type ProblemCode, ProblemError, problem } from '#libs/problems/problems.ts';
import { type ValidationIssue, validationProblem } from './validation-problem.ts';

/** The fields used here of errors from Fastify and its plugins. */
type FrameworkError = {
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly validation?: readonly ValidationIssue[];
  readonly validationContext?: string;
};

const BY_CODE: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_HANDLER_TIMEOUT: 'service_unavailable',
  FST_JWT_AUTHORIZATION_TOKEN_EXPIRED: 'token_expired',
};

const BY_STATUS: Readonly<Record<number, ProblemCode>> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  409: 'conflict',
  413: 'body_too_large',
  414: 'invalid_request',
  415: 'unsupported_media_type',
  422: 'semantic_error',
  429: 'rate_limited',
  431: 'headers_too_large',
  503: 'service_unavailable',
};

/**
 * Converts any thrown value to a problem. Messages of the framework are never public.
 *
 * @param request.bodyLimitBytes the limit that applied, for a body that exceeded it.
 */
export function toProblem(thrown: unknown, request: { bodyLimitBytes?: number } = {}): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  if (typeof thrown !== 'object' || thrown === null) return problem('internal_error', { cause: thrown });
  const error = thrown as FrameworkError;
  if (Array.isArray(error.validation)) return validationProblem(error.validation, error.validationContext);
  const code =
    (isDatabaseAway(thrown) ? 'service_unavailable' : undefined) ??
    (typeof error.code === 'string' ? BY_CODE[error.code] : undefined) ??
    (typeof error.statusCode === 'number' && isFrameworkError(error)
      ? BY_STATUS[error.statusCode]
      : undefined) ??
    'internal_error';
  if (code === 'body_too_large' && request.bodyLimitBytes !== undefined) {
    return bodyTooLarge(request.bodyLimitBytes, thrown);
  }
  return problem(code, {
    cause: thrown,
    ...(code === 'service_unavailable' ? { headers: { 'retry-after': '1' } } : {}),
  });
}

export function bodyTooLarge(limitBytes: number, cause?: unknown): ProblemError {
  return problem('body_too_large', {
    detail: `The request body exceeds ${limitBytes} bytes.`,
    fields: { limit_bytes: limitBytes },
    cause,
  });
}

/** Only the framework's `statusCode` is about this request; an SDK's is about an outgoing call. */
function isFrameworkError(error: FrameworkError): boolean {
  return typeof error.code === 'string' && /^(FST_|ERR_HTTP_|ECONNRESET)/.test(error.code);
}
