import type { Operation } from '#libs/contracts/operation.ts';
import { problemResponses } from '#libs/contracts/problem-responses.ts';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import { ALL_OPERATIONS } from './domain.ts';

const OF_BODIES = ['malformed_json', 'body_too_large', 'unsupported_media_type'] as const;
/** What is answered before a route is known, on every path in the shape of RFC 9457. */
const OF_HTTP = problemResponses('request_timeout', 'headers_too_large');
const OF_KEYS = ['idempotency_in_progress', 'idempotency_key_reused'] as const;

/** Adds what the framework answers in place of an operation: every body may be malformed, also one that is not read. */
function withCommonProblems(operation: Operation): Operation {
  const responses = { ...operation.responses, ...OF_HTTP };
  const errors = Object.values(operation.responses).filter(({ problems }) => problems !== undefined);
  // Operations in the formats of vendors list their problems themselves.
  if (errors.some(({ errorFormat }) => errorFormat !== 'problem')) return { ...operation, responses };
  const own = errors.flatMap(({ problems = [] }) => problems);
  const codes: ProblemCode[] = [
    ...own,
    // Every operation refuses unknown query parameters.
    'invalid_request',
    ...(operation.method === 'GET' ? [] : OF_BODIES),
    ...(operation.headers?.shape['idempotency-key'] === undefined ? [] : OF_KEYS),
    'overloaded',
  ];
  return { ...operation, responses: { ...responses, ...problemResponses(...codes) } };
}

export const DOCUMENTED_OPERATIONS = ALL_OPERATIONS.map(withCommonProblems);
