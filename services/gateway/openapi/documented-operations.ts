import { idempotencyHeaders } from '#libs/contracts/idempotency-key.ts';
import type { Operation } from '#libs/contracts/operation.ts';
import { problemResponses } from '#libs/contracts/problem-responses.ts';
import type { ProblemCode } from '#libs/problems/catalogue.ts';
import { ALL_OPERATIONS } from './domain.ts';

const OF_BODIES = ['malformed_json', 'body_too_large', 'unsupported_media_type'] as const;
const OF_KEYS = ['idempotency_in_progress', 'idempotency_key_reused'] as const;

/** Adds what the framework answers in place of an operation: every body may be malformed, also one that is not read. */
function withCommonProblems(operation: Operation): Operation {
  const errors = Object.values(operation.responses).filter(({ problems }) => problems !== undefined);
  // Operations in the formats of vendors list their problems themselves.
  if (errors.length === 0 || errors.some(({ errorFormat }) => errorFormat !== 'problem')) return operation;
  const own = errors.flatMap(({ problems = [] }) => problems);
  const codes: ProblemCode[] = [
    ...own,
    ...(operation.method === 'GET' ? [] : ['invalid_request' as const, ...OF_BODIES]),
    ...(operation.headers === idempotencyHeaders ? ['invalid_request' as const, ...OF_KEYS] : []),
    'overloaded',
  ];
  return { ...operation, responses: { ...operation.responses, ...problemResponses(...codes) } };
}

export const DOCUMENTED_OPERATIONS = ALL_OPERATIONS.map(withCommonProblems);
