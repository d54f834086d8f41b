/** Builds the OpenAPI document of the public API from the contracts alone. */
import swagger from '@fastify/swagger';
import Fastify, { type FastifySchema } from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { stringify } from 'yaml';
import { z } from 'zod';
import { UploadedFile } from '#libs/contracts/audio.ts';
import { fastifyPath, type Operation, type OperationResponse } from '#libs/contracts/operation.ts';
import { describeEvents, eventSchema } from '#libs/contracts/stream-events.ts';
import type { ErrorFormat } from '#libs/problems/error-formats.ts';
import { tidySchemas } from './components.ts';
import { INFO, SECURITY_SCHEMES, SERVERS, TAGS } from './description.ts';
import { DOCUMENTED_OPERATIONS } from './documented-operations.ts';
import { OPERATIONS } from './domain.ts';
import { HEADER_COMPONENTS, responseHeaders } from './response-headers.ts';
import { takeWebhooks, webhookRoutes } from './webhooks.ts';

const JSON_TYPE = 'application/json';
const EVENT_STREAM_TYPE = 'text/event-stream';
/** Carries the schemas of events through the generator, which knows no streams. */
const EVENTS_TYPE = 'application/x-events';
/** Readable diffs, and quotes where a YAML 1.1 parser would not read text. */
const YAML_STYLE = {
  lineWidth: 0,
  blockQuote: 'literal',
  aliasDuplicateObjects: false,
  compat: 'yaml-1.1',
} as const;

type MediaType = {
  schema: unknown;
  'x-itemSchema'?: unknown;
  example?: unknown;
  examples?: Record<string, { $ref: string }>;
};
type ResponseObject = {
  description: string;
  headers?: Record<string, { $ref: string }>;
  content?: Record<string, MediaType>;
};
type OperationObject = {
  parameters?: unknown[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<string, ResponseObject | { $ref: string }>;
};
type Document = {
  openapi: string;
  info: unknown;
  servers: unknown;
  tags: unknown;
  paths: Record<string, Record<string, OperationObject>>;
  components: {
    schemas: Record<string, unknown>;
    responses?: Record<string, ResponseObject>;
    examples?: Record<string, { value: unknown }>;
  };
};
/** Components that operations share, by name. */
type Shared = { responses: Map<string, ResponseObject>; examples: Map<string, { value: unknown }> };

const METERED: ReadonlySet<string> = new Set(OPERATIONS.metered.map(({ operationId }) => operationId));

/** The OpenAPI 3.1 document as YAML. The same contracts give the same text. */
export async function buildOpenApiDocument(): Promise<string> {
  const document = await generate(DOCUMENTED_OPERATIONS);
  const shared: Shared = { responses: new Map(), examples: new Map() };
  const described = DOCUMENTED_OPERATIONS.map((operation) => {
    const object = document.paths[operation.path]?.[operation.method.toLowerCase()];
    if (object === undefined) throw new Error(`The document lacks ${operation.operationId}.`);
    complete(object, operation, shared);
    return object;
  });
  const webhooks = takeWebhooks(document);
  const { components } = document;
  components.responses = sortedByName(shared.responses);
  components.examples = sortedByName(shared.examples);
  components.schemas = tidySchemas(
    {
      // Messages of webhooks may gain fields, as answers may.
      answers: [described.map(({ responses }) => responses), components.responses, webhooks],
      requests: described.map(({ parameters, requestBody }) => ({ parameters, requestBody })),
    },
    components.schemas,
  );
  const { openapi, info, servers, tags, paths } = document;
  return stringify({ openapi, info, servers, tags, paths, webhooks, components }, YAML_STYLE);
}

function sortedByName<Value>(components: ReadonlyMap<string, Value>): Record<string, Value> {
  return Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Routes that are never called, for the generator to read. */
async function generate(operations: readonly Operation[]): Promise<Document> {
  const app = Fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: INFO,
      servers: SERVERS,
      tags: [...TAGS],
      components: { securitySchemes: SECURITY_SCHEMES, headers: HEADER_COMPONENTS },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  for (const operation of operations) {
    app.route({
      method: operation.method,
      url: fastifyPath(operation.path),
      schema: documentedSchema(operation),
      handler: async () => undefined,
    });
  }
  for (const route of webhookRoutes()) app.route(route);
  await app.ready();
  const document = structuredClone(app.swagger()) as unknown as Document;
  await app.close();
  return document;
}

function documentedSchema(operation: Operation): FastifySchema {
  const { operationId, summary, params, querystring, headers, body, isForm } = operation;
  return {
    operationId,
    summary,
    description: describe(operation),
    tags: operation.tags,
    security: securityOf(operation),
    ...(params && { params }),
    ...(querystring && { querystring }),
    ...(headers && { headers }),
    ...(body && { body }),
    ...(isForm && { consumes: ['multipart/form-data'] }),
    response: Object.fromEntries(
      Object.entries(operation.responses).map(([status, response]) => [status, responseSchema(response)]),
    ),
  };
}

function responseSchema({
  description,
  schema,
  contentType,
  eventStreamExample,
  events,
  otherTypes = {},
}: OperationResponse): unknown {
  // The generator's notation for a response without a body.
  if (schema === undefined) return z.null().describe(description);
  const content = {
    [contentType ?? JSON_TYPE]: { schema },
    ...(eventStreamExample && { [EVENT_STREAM_TYPE]: { schema: z.string() } }),
    ...(events && { [EVENTS_TYPE]: { schema: z.union(events.map(eventSchema)) } }),
    ...Object.fromEntries(Object.keys(otherTypes).map((type) => [type, { schema: z.string() }])),
  };
  const described = events === undefined ? description : `${description}\n\n${describeEvents(events)}`;
  return { description: described, content };
}

/** An API key needs the operation's scope, which OpenAPI 3.1 lets one name for any kind of scheme. */
function securityOf({ auth, scope }: Operation): Record<string, string[]>[] {
  if (auth === 'none') return [];
  if (auth === 'staff') return [{ accessToken: [] }];
  const scopes = scope === 'any' ? [] : [scope ?? '*'];
  return [{ accessToken: [] }, { apiKey: scopes }, { apiKeyHeader: scopes }];
}

function describe({ description, auth, scope, method }: Operation): string {
  const needs =
    auth === 'none'
      ? 'No authentication required.'
      : auth === 'staff'
        ? `Requires the platform role ${method === 'GET' ? '`support` or `admin`' : '`admin`'}.`
        : scope === 'any'
          ? 'Any API key may call this.'
          : `API keys need the scope ${scope === undefined ? '`*`' : `\`${scope}\``}.`;
  return description === undefined ? needs : `${description}\n\n${needs}`;
}

/** A file in a form is its name. */
function bodyExampleOf({ bodyExample, isForm }: Operation): unknown {
  if (!isForm) return bodyExample;
  const fields = Object.entries(bodyExample as Record<string, unknown>);
  const shown = (value: unknown) => (value instanceof UploadedFile ? value.name : value);
  return Object.fromEntries(fields.map(([key, value]) => [key, shown(value)]));
}

/** Adds examples and headers, which the generator does not support, and moves errors to shared components. */
function complete(object: OperationObject, operation: Operation, shared: Shared): void {
  const bodies = object.requestBody?.content ?? {};
  for (const media of Object.values(bodies)) media.example = bodyExampleOf(operation);
  for (const type of operation.bodyTypes ?? []) {
    bodies[type] = { schema: { type: 'string' }, example: operation.textExample };
  }
  const traits = {
    isMetered: METERED.has(operation.operationId),
    isLimited: operation.responses[429] !== undefined,
  };
  for (const [status, contract] of Object.entries(operation.responses)) {
    const generated = object.responses[status] as ResponseObject;
    const headers = responseHeaders(Number(status), traits);
    const response = { description: generated.description, headers, ...withExamples(generated, contract) };
    if (contract.problems === undefined) {
      object.responses[status] = response;
    } else {
      shareExamples(response, contract, shared);
      const name = errorName(contract.problems, contract.errorFormat);
      shared.responses.set(name, response);
      object.responses[status] = { $ref: `#/components/responses/${name}` };
    }
  }
}

function withExamples(
  { content }: ResponseObject,
  contract: OperationResponse,
): Pick<ResponseObject, 'content'> {
  if (content === undefined) return {};
  const media = content[contract.contentType ?? JSON_TYPE];
  if (media !== undefined && contract.example !== undefined) media.example = contract.example;
  for (const [type, example] of Object.entries(contract.otherTypes ?? {})) {
    if (content[type] !== undefined) content[type].example = example;
  }
  const stream = content[EVENT_STREAM_TYPE];
  if (stream !== undefined) {
    if (contract.eventStreamExample !== undefined) stream.example = contract.eventStreamExample;
    // As OpenAPI 3.2 describes each item of a stream.
    const events = content[EVENTS_TYPE];
    if (events !== undefined) stream['x-itemSchema'] = events.schema;
    delete content[EVENTS_TYPE];
  }
  return { content };
}

/** One example for each code of an error response. */
function shareExamples(
  { content }: Pick<ResponseObject, 'content'>,
  { examples = {}, contentType, errorFormat }: OperationResponse,
  shared: Shared,
): void {
  const media = content?.[contentType ?? JSON_TYPE];
  if (media === undefined) return;
  media.examples = {};
  for (const [code, value] of Object.entries(examples)) {
    const name = errorName([code], errorFormat);
    shared.examples.set(name, { value });
    media.examples[code] = { $ref: `#/components/examples/${name}` };
  }
}

const ERROR_PREFIXES: Readonly<Record<ErrorFormat, string>> = {
  problem: '',
  openai: 'OpenAi',
  anthropic: 'Anthropic',
  google: 'Google',
};

/** `RateLimited`, `NotFoundOrUnknownModel`; with a prefix for the errors in a vendor's shape. */
function errorName(problems: readonly string[], format: ErrorFormat = 'problem'): string {
  const names = problems.map((code) =>
    code.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  );
  return `${ERROR_PREFIXES[format]}${names.join('Or')}`;
}
