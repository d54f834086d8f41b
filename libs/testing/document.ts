/**
 * Compares live responses with the OpenAPI document. The shared test clients call it, so that every test of an operation
 * also tests its description.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

type Media = { schema?: object; 'x-itemSchema'?: object };
type Response = { $ref?: string; content?: Record<string, Media> };
type Document = {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, Response> }>>;
};

export type LiveResponse = {
  method: string;
  /** With or without a query. */
  path: string;
  status: number;
  contentType: string;
  /** Parsed if it is JSON. */
  body: unknown;
};

const FILE = new URL('../../openapi.yaml', import.meta.url);
/** Services accept only signed requests, also for operations that need no authentication at the gateway. */
const UNSIGNED = 'Only internal services may call this route.';

/** Parsing the document takes a second of every test file, so that its JSON is kept in the folder of temporary files. */
function readDocument(): Document {
  const text = readFileSync(FILE, 'utf8');
  const name = `inkmeter-openapi-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.json`;
  const file = path.join(tmpdir(), name);
  if (!existsSync(file)) {
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(parse(text)));
    renameSync(draft, file);
  }
  return JSON.parse(readFileSync(file, 'utf8')) as Document;
}

type Route = { pattern: RegExp; template: string; methods: Document['paths'][string] };
type Loaded = { ajv: Ajv2020; document: Document; routes: Route[] };

let loaded: Loaded | undefined;

function load(): Loaded {
  if (loaded !== undefined) return loaded;
  const document = readDocument();
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'document');
  const routes = Object.entries(document.paths)
    .map(([template, methods]) => ({
      template,
      methods,
      pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
    }))
    // A literal segment comes before a parameter in its place.
    .sort((one, other) => one.template.split('{').length - other.template.split('{').length);
  loaded = { ajv, document, routes };
  return loaded;
}

const validators = new Map<string, ValidateFunction>();
const pointer = (...segments: readonly string[]) =>
  segments
    .map((segment) => encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/');

function validatorOf(ref: string): ValidateFunction {
  const known = validators.get(ref);
  if (known !== undefined) return known;
  const compiled = load().ajv.compile({ $ref: ref });
  validators.set(ref, compiled);
  return compiled;
}

/** @throws Error for a status, content type or body that the document does not describe. Other routes are ignored. */
export function checkDocumented({ method, path: url, status, contentType, body }: LiveResponse): void {
  const { document, routes } = load();
  const pathname = url.split('?', 1)[0] ?? '';
  const route = routes.find(({ pattern }) => pattern.test(pathname));
  const verb = method.toLowerCase();
  const operation = route?.methods[verb];
  if (route === undefined || operation === undefined) return;
  if (status === 401 && JSON.stringify(body).includes(UNSIGNED)) return;
  const name = `${operation.operationId} ${status}`;
  const described = operation.responses[status];
  if (described === undefined) {
    throw new Error(`${name} is not documented: ${JSON.stringify(body)}`);
  }
  const component = described.$ref?.split('/').at(-1);
  const response =
    component === undefined
      ? described
      : ((document as unknown as { components: { responses: Record<string, Response> } }).components
          .responses[component] as Response);
  const type = contentType.split(';', 1)[0]?.trim() ?? '';
  if (type === '' && response.content === undefined) return;
  if (response.content?.[type] === undefined) {
    throw new Error(`${name} has the content type ${type || 'of nothing'}, which is not documented`);
  }
  const place =
    component === undefined
      ? ['paths', route.template, verb, 'responses', String(status)]
      : ['components', 'responses', component];
  const at = (part: string) => validatorOf(`document#/${pointer(...place, 'content', type, part)}`);
  const compare = (validate: ValidateFunction, value: unknown) => {
    if (validate(value)) return;
    const [error] = validate.errors ?? [];
    throw new Error(
      `${name} differs from the document at ${error?.instancePath || '/'}: ${error?.message} (${JSON.stringify(error?.params)}) in ${JSON.stringify(value)?.slice(0, 2_000)}`,
    );
  };
  if (/[/+]json$/.test(type)) compare(at('schema'), body);
  if (response.content[type]?.['x-itemSchema'] === undefined) return;
  for (const event of eventsOf(String(body))) compare(at('x-itemSchema'), event);
}

/** The events of a stream that has ended, with their data parsed. */
function eventsOf(text: string): { event?: string; data: unknown }[] {
  return text.split('\n\n').flatMap((block) => {
    const field = (name: string) =>
      block
        .split('\n')
        .flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
        .join('\n');
    const [event, data] = [field('event'), field('data')];
    if (data === '') return [];
    return [{ ...(event !== '' && { event }), data: data === '[DONE]' ? data : JSON.parse(data) }];
  });
}
