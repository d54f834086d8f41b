/** Problems in the shapes of the vendors whose SDKs call us. All carry our own code and fields. */
import { problemDefinition } from './catalogue.ts';
import {
  asProblem,
  type OpenAiErrorDocument,
  type ProblemDocument,
  type ProblemFieldValue,
  problem,
  toOpenAiError,
  toProblemJson,
} from './problems.ts';

/** `problem` is RFC 9457, the others are of the vendors. */
export type ErrorFormat = 'problem' | 'openai' | 'anthropic' | 'google';

export type AnthropicErrorDocument = {
  readonly type: 'error';
  readonly error: {
    readonly type: string;
    readonly message: string;
    readonly problem_code: string;
    readonly [field: string]: ProblemFieldValue;
  };
  readonly request_id: string;
};

/** A problem document in OpenAI's shape. */
export function openAiErrorOf(document: ProblemDocument): OpenAiErrorDocument {
  const { type: _, title: __, status: ___, detail, code, request_id, ...fields } = document;
  return toOpenAiError(problem(code, { detail, fields }), request_id);
}

/** https://docs.claude.com/en/api/errors */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** An error in OpenAI's shape, in Anthropic's. */
export function anthropicErrorOf({ error }: OpenAiErrorDocument): AnthropicErrorDocument {
  const { message, type: _, code: __, param, request_id, ...fields } = error;
  const { status } = problemDefinition(error.problem_code);
  const type = ANTHROPIC_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return {
    type: 'error',
    error: { ...fields, ...(param !== null && { param }), type, message },
    request_id,
  };
}

export type GoogleErrorDocument = {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly status: string;
    readonly details: readonly { readonly [field: string]: ProblemFieldValue }[];
  };
};

/** https://cloud.google.com/apis/design/errors#handling_errors */
const GOOGLE_STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  422: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** An error in OpenAI's shape, in Google's. */
export function googleErrorOf({ error }: OpenAiErrorDocument): GoogleErrorDocument {
  const { message, type: _, code: __, ...fields } = error;
  const { status } = problemDefinition(error.problem_code);
  const name = GOOGLE_STATUSES[status] ?? (status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT');
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: error.problem_code.toUpperCase(),
    ...fields,
  };
  return { error: { code: status, message, status: name, details: [info] } };
}

/** A problem as a document of the format. */
export function errorDocument(format: ErrorFormat, error: unknown, requestId: string): object {
  const shown = asProblem(error);
  switch (format) {
    case 'problem':
      return toProblemJson(shown, requestId);
    case 'openai':
      return toOpenAiError(shown, requestId);
    case 'anthropic':
      return anthropicErrorOf(toOpenAiError(shown, requestId));
    case 'google':
      return googleErrorOf(toOpenAiError(shown, requestId));
  }
}
