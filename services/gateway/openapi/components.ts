/** Turns the schemas that zod generates into those that readers and generated clients should see. */
import { isDeepStrictEqual } from 'node:util';

type Json = { [key: string]: unknown };

/** Where the schemas of a document are for responses, and where they are for requests. */
export type SchemaRoots = { answers: readonly unknown[]; requests: readonly unknown[] };

const PREFIX = '#/components/schemas/';
/** How the generator names the variant of a component for requests. */
const REQUEST_SUFFIX = 'Input';
/** zod adds a pattern to each format; the format is enough. */
const FORMATS_THAT_SAY_IT_ALL: ReadonlySet<unknown> = new Set(['uuid', 'email', 'date-time', 'date']);

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Calls `visit` for every object in a JSON value, the value itself included. */
function walk(value: unknown, visit: (object: Json) => void): void {
  if (!isObject(value)) return;
  if (!Array.isArray(value)) visit(value);
  for (const child of Object.values(value)) walk(child, visit);
}

/** The names of all components that these values reference, directly or not; sorted. */
function reachable(roots: readonly unknown[], schemas: Readonly<Record<string, unknown>>): string[] {
  const found = new Set<string>();
  const follow = (value: unknown) =>
    walk(value, ({ $ref }) => {
      if (typeof $ref !== 'string' || !$ref.startsWith(PREFIX)) return;
      const name = $ref.slice(PREFIX.length);
      if (found.has(name)) return;
      found.add(name);
      follow(schemas[name]);
    });
  follow(roots);
  return [...found].sort();
}

/** Responses may gain fields, so a schema that forbids unknown fields would make every addition a breaking change. */
function allowMoreFields(schema: Json): void {
  if (schema.additionalProperties === false) delete schema.additionalProperties;
}

function dropNoise(schema: Json): void {
  if (FORMATS_THAT_SAY_IT_ALL.has(schema.format)) delete schema.pattern;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}

/**
 * Keeps the components that are used, opens those of answers for more fields, and gives the variant for requests the
 * plain name where no answer needs it for another schema. Changes the schemas and the references in `roots`.
 *
 * @returns the components to publish, sorted by name.
 */
export function tidySchemas(
  roots: SchemaRoots,
  schemas: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const answered = reachable(roots.answers, schemas);
  const requested = reachable(roots.requests, schemas);
  const used = new Map([...answered, ...requested].map((name) => [name, schemas[name]]));

  walk([roots.answers, answered.map((name) => schemas[name])], allowMoreFields);
  walk([roots.answers, roots.requests, [...used.values()]], dropNoise);

  const published = new Map<string, string>();
  for (const name of used.keys()) {
    const plain = name.endsWith(REQUEST_SUFFIX) ? name.slice(0, -REQUEST_SUFFIX.length) : name;
    const isTaken = used.has(plain) && !isDeepStrictEqual(used.get(plain), used.get(name));
    published.set(name, isTaken ? name : plain);
  }
  walk([roots.answers, roots.requests, [...used.values()]], (object) => {
    if (typeof object.$ref !== 'string' || !object.$ref.startsWith(PREFIX)) return;
    const name = published.get(object.$ref.slice(PREFIX.length));
    if (name !== undefined) object.$ref = PREFIX + name;
  });
  return Object.fromEntries(
    [...used]
      .map(([name, schema]) => [published.get(name) ?? name, schema] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
