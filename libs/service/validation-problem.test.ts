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
    [z.object({ a: z.enum(['x', 'y']) }), { a: 'z' }, 'a', 'Invalid option: expected one of "x"|"y"'],
    [z.object({ a: z.string() }), {}, 'a', 'A value is required'],
    [z.object({ a: z.int().max(9) }), { a: 10 }, 'a', 'Too big: expected number to be <=9'],
    [z.strictObject({ a: z.strictObject({}) }), { a: { b: 1 } }, 'a.b', 'There is no such field'],
    [
      message,
      { content: [{ type: 'film' }] },
      'content.0.type',
      "Invalid discriminator value. Expected 'text' | 'image'",
    ],
    [message, { content: [{ type: 'text', text: 'a', b: 1 }] }, 'content.0.b', 'There is no such field'],
    [
      message,
      { content: 5 },
      'content',
      'Invalid input: expected string, received number, or Invalid input: expected array, received number',
    ],
    [
      z.object({ a: z.union([z.enum(['x', 'y']), z.int()]) }),
      { a: 'q' },
      'a',
      'Invalid option: expected one of "x"|"y"',
    ],
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
    message: /^The body is not valid: Invalid input: expected object/,
  });
  const many = refuse(
    z.array(z.int()),
    Array.from({ length: 50 }, () => 'x'),
  );
  t.equal((many.fields.errors as unknown[]).length, 20);
  t.match(validationProblem([]), { code: 'invalid_request' });
});
