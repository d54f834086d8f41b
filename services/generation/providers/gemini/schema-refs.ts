/** What Gemini takes next to a reference; it refuses the whole schema otherwise. Definitions are those of the root. */
const NEXT_TO_REF: ReadonlySet<string> = new Set(['$ref', 'description', 'default', '$defs', 'definitions']);

type Schema = Record<string, unknown>;

/** A JSON Schema whose references stand alone: what else they say is left out. */
export function withPlainRefs(schema: Schema): Schema {
  return plain(schema) as Schema;
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const isRef = typeof (value as Schema).$ref === 'string';
  const kept = isRef ? entries.filter(([name]) => NEXT_TO_REF.has(name)) : entries;
  return Object.fromEntries(kept.map(([name, one]) => [name, plain(one)]));
}
