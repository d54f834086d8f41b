import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { z } from 'zod';
import {
  fastifyPath,
  type Operation,
  type OperationAuth,
  type OperationResponse,
} from '#libs/contracts/operation.ts';
import { callerOf } from './internal-calls.ts';
import { requireStaff } from './staff.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route's operation; a route without it is for services only. */
    auth?: OperationAuth;
    /** See `Operation.takesCredentials`. */
    takesCredentials?: boolean;
    /** The route's body may be large; see the operation. */
    takesMedia?: boolean;
    /** The route's body is a form, whose file is streamed. */
    isForm?: boolean;
  }
}

type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : unknown;
type Input<Response> = Response extends { schema: infer Schema extends z.ZodType }
  ? z.input<Schema>
  : undefined;
type Success = 200 | 201 | 202 | 204;
type Part<O extends Operation, Name extends keyof Operation> = O extends { [K in Name]: infer Schema }
  ? Output<Schema>
  : unknown;

/** A request validated by the operation's schemas. */
export type OperationRequest<O extends Operation> = FastifyRequest<{
  Params: Part<O, 'params'>;
  Querystring: Part<O, 'querystring'>;
  Headers: Part<O, 'headers'>;
  Body: Part<O, 'body'>;
}>;

/** A handler's result: the body of any success of the operation, or a reply it has already sent. */
export type OperationAnswer<O extends Operation> =
  | { [Status in keyof O['responses'] & Success]: Input<O['responses'][Status]> }[keyof O['responses'] &
      Success]
  | FastifyReply;

/** Bodies of anonymous callers are small, so that they are cheap to parse. */
const CREDENTIALS_BODY_LIMIT = 8_192;
/** What Anthropic accepts; OpenAI and Google accept more. */
export const MEDIA_BODY_LIMIT = 32 * 1024 * 1024;

/**
 * Adds the route of an operation, behind `requireInternalContext`. Method, path, schemas and authorisation come from the
 * contract.
 */
export function serveOperation<O extends Operation>(
  app: FastifyInstance,
  operation: O,
  handler: (request: OperationRequest<O>, reply: FastifyReply) => Promise<OperationAnswer<O>>,
): void {
  app.route({
    method: operation.method,
    url: fastifyPath(operation.path),
    config: {
      auth: operation.auth,
      ...(operation.scope && { scope: operation.scope }),
      ...(operation.takesCredentials && { takesCredentials: true }),
      ...(operation.takesMedia && { takesMedia: true }),
      ...(operation.isForm && { isForm: true }),
    },
    ...(operation.takesCredentials && {
      bodyLimit: Math.min(CREDENTIALS_BODY_LIMIT, app.initialConfig.bodyLimit ?? CREDENTIALS_BODY_LIMIT),
    }),
    ...(operation.takesMedia && { bodyLimit: MEDIA_BODY_LIMIT }),
    schema: routeSchema(operation),
    ...(operation.auth === 'staff' && {
      onRequest: async (request: FastifyRequest) => requireStaff(callerOf(request), request.method),
    }),
    handler: (request, reply) => handler(request as OperationRequest<O>, reply),
  });
}

const NO_PARAMETERS = z.object({});

function routeSchema({ path, params, querystring, headers, body, responses }: Operation): FastifySchema {
  // A misspelt filter must not return everything. SDKs of other vendors add parameters of their own to their routes.
  const isOwn = path.startsWith('/api/');
  return {
    ...(params && { params }),
    ...(isOwn ? { querystring: (querystring ?? NO_PARAMETERS).strict() } : querystring && { querystring }),
    ...(headers && { headers }),
    ...(body && { body }),
    response: responseSchemas(responses),
  };
}

/** The error handler writes problems, which need no schema. */
function responseSchemas(responses: Readonly<Record<number, OperationResponse>>): Record<string, z.ZodType> {
  const schemas: Record<string, z.ZodType> = {};
  for (const [status, { schema }] of Object.entries(responses)) {
    if (schema !== undefined && status.startsWith('2')) schemas[status] = schema;
  }
  return schemas;
}
