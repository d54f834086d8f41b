import { z } from 'zod';
import { PROBLEM_FIELDS } from '#libs/contracts/problem-fields.ts';
import { PROBLEM_SCHEMAS } from '#libs/contracts/problem-responses.ts';
import { isProblemCode } from '#libs/problems/catalogue.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Compares a problem, in RFC 9457's, OpenAI's or Anthropic's format, with the document of the API. Other bodies are ignored.
 *
 * @throws Error for a problem with an unknown code, a field that is not documented, or a field of another type.
 */
export function checkProblem(contentType: string, body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const { code, error } = body as { code?: unknown; error?: Fields };
  if (contentType.startsWith('application/problem+json')) {
    compare(code, body as Fields, isProblemCode(String(code)) ? PROBLEM_SCHEMAS[code as never] : undefined);
  } else if (typeof error?.problem_code === 'string') {
    const { message, type, param, code: _, problem_code, request_id, ...fields } = error;
    const shape = isProblemCode(problem_code) ? PROBLEM_FIELDS[problem_code]?.fields : undefined;
    compare(problem_code, { ...fields, ...((param ?? null) !== null && { param }) }, z.object({ ...shape }));
  }
}

function compare(code: unknown, fields: Fields, schema: z.ZodObject | undefined): void {
  if (schema === undefined) throw new Error(`Unknown problem code: ${code}`);
  const unknown = Object.keys(fields).filter((name) => !(name in schema.shape));
  if (unknown.length > 0) throw new Error(`Fields of ${code} that are not documented: ${unknown.join(', ')}`);
  const { error } = schema.safeParse(fields);
  if (error) throw new Error(`The problem ${code} differs from its document: ${error.message}`);
}
