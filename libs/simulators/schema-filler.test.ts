import t from 'tap';
import { fillSchema } from './schema-filler.ts';

t.test('fills schemas by type', async (t) => {
  const table: [object, unknown][] = [
    [{ type: 'string' }, 'tea'],
    [{ type: ['null', 'integer'], minimum: 3 }, 3],
    [{ type: 'number', exclusiveMinimum: 0 }, 1],
    [{ type: 'BOOLEAN' }, true],
    [{ enum: ['red', 'blue'] }, 'red'],
    [{ const: 7 }, 7],
    [{ type: 'string', format: 'date' }, '2026-01-15'],
    [{ type: 'string', minLength: 5 }, 'tea..'],
    [{ type: 'string', maxLength: 2 }, 'te'],
    [{ type: 'array', items: { type: 'integer' }, minItems: 2 }, [1, 1]],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, null],
    [{ properties: { title: { type: 'string' } } }, { title: 'tea' }],
    [{ type: 'object', properties: { a: { const: 1 }, b: { const: 2 } }, required: ['b'] }, { b: 2 }],
    [{ allOf: [{ properties: { a: { const: 1 } } }] }, { a: 1 }],
    [{ $defs: { x: { const: 'found' } }, type: 'array', items: { $ref: '#/$defs/x' } }, ['found']],
  ];
  for (const [schema, expected] of table)
    t.strictSame(fillSchema(schema, 'tea'), expected, JSON.stringify(schema));
});

t.test('ends when a schema refers to itself', async (t) => {
  const tree = { properties: { children: { type: 'array', items: { $ref: '#' } } } };
  t.ok(JSON.stringify(fillSchema(tree, 'tea')).length < 1000);
});

t.test('names a string after its property, and bounds arrays', async (t) => {
  t.strictSame(fillSchema({ properties: { city: {}, mood: {} } }, 'tea'), {
    city: 'tea',
    mood: 'tea (mood)',
  });
  t.equal((fillSchema({ type: 'array', minItems: 1e9 }, 'tea') as unknown[]).length, 100);
});
