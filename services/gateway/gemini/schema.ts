/** Gemini's schemas (https://ai.google.dev/api/caching#Schema), a dialect of OpenAPI, as JSON Schema. */
import { isFields } from '../chat/domain/fields.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Keywords whose values are schemas. */
const NESTED: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'not']);
const LISTS: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems']);
const MAPS: ReadonlySet<string> = new Set(['properties', '$defs', 'definitions']);
/** Numbers that Google writes as texts. */
const NUMBERS: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
]);
/** Keywords of Gemini alone. */
const DROPPED: ReadonlySet<string> = new Set(['nullable', 'propertyOrdering', 'example']);

export function toJsonSchema(schema: Schema): Record<string, unknown> {
  const converted: Record<string, unknown> = {};
  for (const [keyword, value] of Object.entries(schema)) {
    if (!DROPPED.has(keyword)) converted[keyword] = convert(keyword, value);
  }
  if (schema.nullable === true && typeof converted.type === 'string')
    converted.type = [converted.type, 'null'];
  return converted;
}

function convert(keyword: string, value: unknown): unknown {
  if (keyword === 'type' && typeof value === 'string') return value.toLowerCase();
  if (NUMBERS.has(keyword) && typeof value === 'string') return Number(value);
  if (NESTED.has(keyword) && isFields(value)) return toJsonSchema(value);
  if (LISTS.has(keyword) && Array.isArray(value)) {
    return value.map((one) => (isFields(one) ? toJsonSchema(one) : one));
  }
  if (MAPS.has(keyword) && isFields(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, isFields(one) ? toJsonSchema(one) : one]),
    );
  }
  return value;
}
