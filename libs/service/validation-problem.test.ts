import { validatorCompiler } from 'fastify-type-provider-zod';
import t from 'tap';
import { z } from 'zod';
import { type ValidationIssue, validationProblem } from './validation-problem.ts';

/** The problem for a value, through the compiler that validates requests. */
function refuse(schema: z.ZodType, value: unknown, context = 'body') {
  const validate = validatorCompiler({ schema, method: 'POST', url: '/' });
  const { error } = validate(value) as { error?: readonly ValidationIssue[] };
  return validationProblem(error ?? [], context);
}

const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.literal('image'), url: z.url() }),
]);
const message = z.strictObject({ content: z.union([z.string(), z.array(part)]) });

t.test('a problem names the field and the values that it takes', async (t) => {
  const cases: [schema: z.ZodType, value: unknown, param: string, detail: string][] = [
    [z.object({ a: z.enum(['x', 'y']) }), { a: 'z' }, 'a', 'must be one of "x", "y"'],
    [z.object({ a: z.string() }), {}, 'a', 'A value is required'],
    [z.object({ a: z.int().max(9) }), { a: 10 }, 'a', 'must be at most 9'],
    [z.object({ a: z.string().min(8) }), { a: 'short' }, 'a', 'must have at least 8 characters'],
    [z.object({ a: z.array(z.int()).min(1) }), { a: [] }, 'a', 'must have at least 1 item'],
    [z.object({ a: z.number().positive() }), { a: 0 }, 'a', 'must be greater than 0'],
    [
      z.object({ a: z.iso.datetime() }),
      { a: 'now' },
      'a',
      'must be an instant in ISO 8601, such as 2026-11-20T12:00:00Z',
    ],
    [z.object({ a: z.int() }), { a: 1.5 }, 'a', 'must be an integer'],
    [z.object({ a: z.uuid() }), { a: '1' }, 'a', 'must be a UUID'],
    [z.object({ a: z.email() }), { a: 'x' }, 'a', 'must be an email address'],
    [z.object({ a: z.literal('x') }), { a: 'y' }, 'a', 'must be "x"'],
    [z.strictObject({ a: z.strictObject({}) }), { a: { b: 1 } }, 'a.b', 'There is no such field'],
    [message, { content: [{ type: 'film' }] }, 'content.0.type', 'must be one of "text", "image"'],
    [message, { content: [{ type: 'text', text: 'a', b: 1 }] }, 'content.0.b', 'There is no such field'],
    [
      message,
      { content: 5 },
      'content',
      'must be of the type string, not number, or must be of the type array, not number',
    ],
    [z.object({ a: z.union([z.enum(['x', 'y']), z.int()]) }), { a: 'q' }, 'a', 'must be one of "x", "y"'],
  ];
  for (const [schema, value, param, detail] of cases) {
    t.match(refuse(schema, value), {
      code: 'invalid_request',
      message: `${param} is not valid: ${detail}`,
      fields: { param, errors: [{ in: 'body', pointer: `/${param.replaceAll('.', '/')}`, detail }] },
    });
  }
});

t.test('every unknown field of a query is named, and a part as a whole has no field', async (t) => {
  t.match(refuse(z.strictObject({}), { limits: 1, page: 2 }, 'querystring').fields, {
    param: 'limits',
    errors: [
      { in: 'query', pointer: '/limits' },
      { in: 'query', pointer: '/page' },
    ],
  });
  t.match(refuse(z.object({}), 'text'), {
    message: /^The body is not valid: must be of the type object, not string/,
  });
  const many = refuse(
    z.array(z.int()),
    Array.from({ length: 50 }, () => 'x'),
  );
  t.equal((many.fields.errors as unknown[]).length, 20);
  t.match(validationProblem([]), { code: 'invalid_request' });
});
