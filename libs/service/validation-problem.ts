import { type ProblemError, problem } from '#libs/problems/problems.ts';
import { wordingOf } from './issue-wording.ts';

/** One issue of a schema, as the validator compiler reports it. */
export type ValidationIssue = {
  readonly keyword?: string;
  readonly instancePath?: string;
  readonly message?: string;
  readonly params?: {
    readonly keys?: readonly string[];
    readonly errors?: readonly (readonly SchemaIssue[])[];
  };
};

/** An issue of one option of a union. Its path starts at the union. */
type SchemaIssue = {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly SchemaIssue[])[];
};

type Complaint = { pointer: string; detail: string };

/** Public names of the parts Fastify validates. */
const PARTS: Readonly<Record<string, string>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'headers',
};

/** Maximum number of validation errors in one response. */
const MAX_COMPLAINTS = 20;
/** What the schemas say of a union none of whose options fits. */
const UNDESCRIBED = 'Invalid input';

/** The problem for a part of a request: each invalid field, and the values that it takes. */
export function validationProblem(issues: readonly ValidationIssue[], context = 'body'): ProblemError {
  const part = PARTS[context] ?? 'body';
  const errors = issues
    .flatMap(({ keyword = '', instancePath = '', message = '', params }) =>
      complaintsOf({ code: keyword, path: [], message, ...params }, instancePath === '/' ? '' : instancePath),
    )
    .slice(0, MAX_COMPLAINTS)
    .map((complaint) => ({ in: part, ...complaint }));
  const first = errors[0];
  if (first === undefined) return problem('invalid_request');
  const param = first.pointer.slice(1).replaceAll('/', '.');
  const detail =
    param === '' ? `The ${part} is not valid: ${first.detail}` : `${param} is not valid: ${first.detail}`;
  return problem('invalid_request', { detail, fields: { ...(param === '' ? {} : { param }), errors } });
}

/** @param base JSON pointer to where the path of the issue starts. */
function complaintsOf({ code, path, message, keys, errors }: SchemaIssue, base: string): Complaint[] {
  const pointer = [base, ...path.map(String)].join('/');
  if (code === 'unrecognized_keys' && keys !== undefined) {
    return keys.map((key) => ({ pointer: `${pointer}/${key}`, detail: 'There is no such field' }));
  }
  if (code !== 'invalid_union' || message !== UNDESCRIBED || errors === undefined) {
    return [{ pointer, detail: wordingOf(message) }];
  }
  // The option that was meant has the type of the value.
  const meant = errors.filter((issues) => !issues.some(isOfAnotherType));
  if (meant.length === 1) return (meant[0] ?? []).flatMap((issue) => complaintsOf(issue, pointer));
  const details = new Set(
    errors.flatMap((issues) => issues.slice(0, 1).map((issue) => wordingOf(issue.message))),
  );
  return [{ pointer, detail: [...details].join(', or ') || message }];
}

function isOfAnotherType({ code, path }: SchemaIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}
