import { isObject, objectOr, objectsOf } from './json.ts';

/** Deeper than this, optional parts of a recursive schema are left out. */
const deepest = 6;

/** A schema is the client's; it must not make us build an array of any length. */
const mostItems = 100;

/**
 * A value that satisfies a JSON schema in the usual cases: types, `enum`, `const`, `required`, `$ref`, formats and
 * minimums. Patterns and conditionals are not followed.
 * @param words text to fill strings with, such as the topic of the prompt
 */
export function fillSchema(schema: unknown, words: string, root = schema, name = '', depth = 0): unknown {
  const node = resolve(schema, root);
  if (node.const !== undefined) return node.const;
  if (Array.isArray(node.enum) && node.enum.length > 0) return node.enum[0];
  const [alternative] = [...objectsOf(node.anyOf), ...objectsOf(node.oneOf)];
  if (alternative) return fillSchema(alternative, words, root, name, depth + 1);
  switch (typeOf(node)) {
    case 'object':
      return fillObject(node, words, root, depth);
    case 'array': {
      const wanted = Math.max(Number(node.minItems ?? 1), depth < deepest ? 1 : 0);
      const length = Math.min(wanted, Number(node.maxItems ?? wanted), mostItems);
      return Array.from({ length }, () => fillSchema(node.items, words, root, name, depth + 1));
    }
    case 'integer':
      return Math.ceil(smallest(node));
    case 'number':
      return smallest(node);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return fillString(node, words, name);
  }
}

function fillObject(node: Readonly<Record<string, unknown>>, words: string, root: unknown, depth: number) {
  const required = Array.isArray(node.required) ? node.required : [];
  const properties = Object.entries(objectOr(node.properties));
  const wanted = properties.filter(
    ([name]) => required.includes(name) || (required.length === 0 && depth < deepest),
  );
  return Object.fromEntries(
    wanted.map(([name, schema]) => [name, fillSchema(schema, words, root, name, depth + 1)]),
  );
}

function resolve(schema: unknown, root: unknown): Readonly<Record<string, unknown>> {
  let node = objectOr(schema);
  for (let hops = 0; hops < 8 && typeof node.$ref === 'string'; hops += 1) {
    const path = node.$ref.replace(/^#\/?/, '').split('/').filter(Boolean);
    let found: unknown = root;
    for (const step of path) found = isObject(found) ? found[step] : undefined;
    node = objectOr(found);
  }
  return Object.assign({}, node, ...objectsOf(node.allOf).map((part) => resolve(part, root)));
}

/** Gemini writes types in capitals; a list of types stands for its first that is not null. */
function typeOf(node: Readonly<Record<string, unknown>>): string {
  const type = Array.isArray(node.type) ? node.type.find((candidate) => candidate !== 'null') : node.type;
  if (typeof type === 'string') return type.toLowerCase();
  if (node.properties !== undefined) return 'object';
  return node.items === undefined ? 'string' : 'array';
}

function smallest(node: Readonly<Record<string, unknown>>): number {
  if (typeof node.exclusiveMinimum === 'number') return node.exclusiveMinimum + 1;
  if (typeof node.minimum === 'number') return node.minimum;
  return typeof node.maximum === 'number' ? Math.min(1, node.maximum) : 1;
}

const formatExamples: Readonly<Record<string, string>> = {
  date: '2026-01-15',
  'date-time': '2026-01-15T09:30:00Z',
  time: '09:30:00Z',
  email: 'reader@example.com',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  uuid: '6f1c2a9e-4b7d-4c1e-9a55-0d2f8b3c7e10',
};

function fillString(node: Readonly<Record<string, unknown>>, words: string, name: string): string {
  const example = formatExamples[String(node.format)];
  if (example !== undefined) return example;
  const text =
    name === '' || /name|title|topic|query|subject|city|location/i.test(name) ? words : `${words} (${name})`;
  const padded = text.padEnd(Number(node.minLength ?? 0), '.');
  return padded.slice(0, Number(node.maxLength ?? padded.length));
}
