import { z } from 'zod';
import { exampleProblem, type ProblemCode, problemDefinition } from '#libs/problems/catalogue.ts';
import type { OperationResponse } from './operation.ts';

/** RFC 9457, with a stable `code` and the id of the request. */
export const problemDocument = z
  .looseObject({
    type: z.string().describe('URL of the documentation of this code.'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().describe('Stable; branch on this.'),
    request_id: z.string(),
  })
  .meta({ id: 'Problem' });

/** The error responses of an operation, by status, with their possible codes. */
export function problemResponses(...codes: readonly ProblemCode[]): Record<number, OperationResponse> {
  const responses: Record<number, OperationResponse> = {};
  for (const [status, group] of Map.groupBy(new Set(codes), (code) => problemDefinition(code).status)) {
    const [first] = group as [ProblemCode, ...ProblemCode[]];
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${problemDefinition(code).title}.`).join(' '),
      schema: problemDocument,
      problems: group,
      contentType: 'application/problem+json',
      example: exampleProblem(first),
    };
  }
  return responses;
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
