import { z } from 'zod';

/** Keywords of JSON Schema that not every vendor's structured output supports. */
const UNSUPPORTED = new Set([
  '$schema',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'pattern',
  'format',
  'default',
]);

const schemas = new WeakMap<z.ZodType, Record<string, unknown>>();

/** The JSON Schema of a type, with the keywords that every vendor's structured output supports. */
export function wireSchema(schema: z.ZodType): Record<string, unknown> {
  let wire = schemas.get(schema);
  if (wire === undefined) {
    wire = supported(z.toJSONSchema(schema)) as Record<string, unknown>;
    schemas.set(schema, wire);
  }
  return wire;
}

function supported(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(supported);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(
    ([key, value]) => !UNSUPPORTED.has(key) || typeof value === 'object',
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, supported(value)]));
}
