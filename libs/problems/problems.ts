import { type ProblemCode, problemDefinition, problemTypeUri } from './catalogue.ts';

export { PROBLEMS, type ProblemCode } from './catalogue.ts';

/** Values allowed in a problem document. Excludes `bigint` and `Date`: format them first. */
export type ProblemFieldValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly ProblemFieldValue[]
  | { readonly [name: string]: ProblemFieldValue };

/** Typed fields that a client needs to handle a problem. Sent as they are, in snake_case. */
export type ProblemFields = { readonly [name: string]: ProblemFieldValue };

export type ProblemOptions = {
  /** Public detail of this occurrence. It is sent to the client: never put internal messages here. */
  readonly detail?: string;
  readonly fields?: ProblemFields;
  readonly headers?: Readonly<Record<string, string>>;
  /** The underlying error, for the log only. */
  readonly cause?: unknown;
};

/** An error with a public description. `message`, `fields` and `headers` are public, `cause` is not. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly fields: ProblemFields;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    const definition = problemDefinition(code);
    super(options.detail ?? definition.detail, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.status = definition.status;
    this.fields = options.fields ?? {};
    this.headers = { ...definition.headers, ...options.headers };
  }
}

/** Creates the error that refuses a request: `throw problem('limit_exceeded', { fields })`. */
export function problem(code: ProblemCode, options?: ProblemOptions): ProblemError {
  return new ProblemError(code, options);
}

/** Converts any thrown value. Values that are not problems become `internal_error` without any details. */
export function asProblem(error: unknown): ProblemError {
  return error instanceof ProblemError ? error : problem('internal_error', { cause: error });
}

/** An `application/problem+json` document (RFC 9457). */
export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly request_id: string;
  readonly [field: string]: ProblemFieldValue;
};

/** @see https://www.rfc-editor.org/rfc/rfc9457 */
export function toProblemJson(error: unknown, requestId: string): ProblemDocument {
  const shown = asProblem(error);
  return {
    ...shown.fields,
    type: problemTypeUri(shown.code),
    title: problemDefinition(shown.code).title,
    status: shown.status,
    detail: shown.message,
    code: shown.code,
    request_id: requestId,
  };
}

/** OpenAI's error document. Our own code and fields are inside `error`, where the SDKs expose them. */
export type OpenAiErrorDocument = {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    /** Our code; `code` may be the one that OpenAI clients know. */
    readonly problem_code: ProblemCode;
    readonly request_id: string;
    readonly [field: string]: ProblemFieldValue;
  };
};

/**
 * The same problem in OpenAI's shape. The official SDKs choose the error class by status and show `error.type`,
 * `error.code` and `error.param`; a `param` field of the problem becomes the latter.
 *
 * @see https://platform.openai.com/docs/guides/error-codes
 */
export function toOpenAiError(error: unknown, requestId: string): OpenAiErrorDocument {
  const shown = asProblem(error);
  const { openai } = problemDefinition(shown.code);
  const { param } = shown.fields;
  return {
    error: {
      ...shown.fields,
      message: shown.message,
      type: openai.type,
      param: typeof param === 'string' ? param : null,
      code: openai.code ?? shown.code,
      problem_code: shown.code,
      request_id: requestId,
    },
  };
}
