import { z } from 'zod';
import { PROBLEMS, type ProblemCode, problemDefinition } from '#libs/problems/catalogue.ts';
import { type ErrorFormat, errorDocument } from '#libs/problems/error-formats.ts';
import { problem } from '#libs/problems/problems.ts';
import type { OperationResponse } from './operation.ts';
import { PROBLEM_FIELDS } from './problem-fields.ts';

const EXAMPLE_REQUEST_ID = '019e3f5e-6f2a-7c31-9d52-8a4f0b6c1d2e';

/** `limit_exceeded` is described by `LimitExceededProblem`. */
function schemaName(code: ProblemCode): string {
  return `${code.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Problem`;
}

function problemSchema(code: ProblemCode) {
  const { status, title } = problemDefinition(code);
  return z
    .object({
      type: z.string().describe('URL of the documentation of this code.'),
      title: z.string(),
      status: z.literal(status),
      detail: z.string(),
      code: z.literal(code).describe('Stable; branch on this.'),
      request_id: z.string(),
      ...PROBLEM_FIELDS[code]?.fields,
    })
    .meta({ id: schemaName(code), description: `${title} (RFC 9457).` });
}

/** The document of each problem: RFC 9457, a stable `code`, the id of the request, and the fields of the code. */
export const PROBLEM_SCHEMAS = Object.fromEntries(
  (Object.keys(PROBLEMS) as ProblemCode[]).map((code) => [code, problemSchema(code)]),
) as Record<ProblemCode, ReturnType<typeof problemSchema>>;

/** One response for each status of these codes, with an example of each code. */
export function errorResponses(
  codes: readonly ProblemCode[],
  format: {
    errorFormat: ErrorFormat;
    contentType?: string;
    schemaOf: (codes: readonly ProblemCode[]) => z.ZodType;
  },
): Record<number, OperationResponse> {
  const { errorFormat, contentType, schemaOf } = format;
  const example = (code: ProblemCode) => {
    const fields = PROBLEM_FIELDS[code]?.example ?? {};
    return errorDocument(errorFormat, problem(code, { fields }), EXAMPLE_REQUEST_ID);
  };
  const responses: Record<number, OperationResponse> = {};
  for (const [status, group] of Map.groupBy(new Set(codes), (code) => problemDefinition(code).status)) {
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${problemDefinition(code).title}.`).join(' '),
      schema: schemaOf(group),
      problems: group,
      errorFormat,
      ...(contentType !== undefined && { contentType }),
      examples: Object.fromEntries(group.map((code) => [code, example(code)])),
    };
  }
  return responses;
}

/** The error responses of an operation, by status, with their possible codes. */
export function problemResponses(...codes: readonly ProblemCode[]): Record<number, OperationResponse> {
  return errorResponses(codes, {
    errorFormat: 'problem',
    contentType: 'application/problem+json',
    schemaOf: (group) => {
      const schemas = group.map((code) => PROBLEM_SCHEMAS[code]);
      return schemas.length === 1 ? (schemas[0] as z.ZodType) : z.union(schemas);
    },
  });
}

/** Failed authentication and authorization. */
export const CALLER_PROBLEMS = [
  'unauthenticated',
  'token_expired',
  'invalid_token',
  'invalid_api_key',
  'api_key_revoked',
  'api_key_expired',
  'account_suspended',
  'insufficient_scope',
] as const satisfies ProblemCode[];

/** What a count of tokens can answer on the vendors' routes. */
export const TOKEN_COUNT_PROBLEMS = [
  'invalid_request',
  'malformed_json',
  'unsupported_parameter',
  'url_not_read',
  ...CALLER_PROBLEMS,
  'unknown_model',
  'body_too_large',
  'unsupported_media_type',
  'unpriced_model',
  'rate_limited',
  'internal_error',
  'metering_unavailable',
] as const satisfies ProblemCode[];

/** Errors of every operation for authenticated callers, in addition to its own. */
export const USER_PROBLEMS = [
  'invalid_request',
  ...CALLER_PROBLEMS,
  'rate_limited',
  'internal_error',
  'service_unavailable',
] as const satisfies ProblemCode[];

/** The same for operations of platform staff. */
export const STAFF_PROBLEMS = [...USER_PROBLEMS, 'platform_role_required'] as const satisfies ProblemCode[];

/** Errors of creating a quota resource. */
export const COUNTING_PROBLEMS = [
  'meter_disabled',
  'limit_exceeded',
  'limit_held',
  'metering_unavailable',
  'emergency_stop',
] as const satisfies ProblemCode[];
