/** Adds the caller's identity to a request and passes it on unchanged to the service that serves the operation. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { SignIdentity } from '#libs/auth/internal-identity.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { fastifyPath, type Operation } from '#libs/contracts/operation.ts';
import type { Failover } from '#libs/http/failover.ts';
import { problem } from '#libs/problems/problems.ts';
import { MEDIA_BODY_LIMIT } from '#libs/service/serve-operation.ts';
import { traceparentOf } from '#libs/service/tracing.ts';
import { type CompletedResponse, type Idempotency, replayHeaders } from '../idempotency/domain.ts';
import type { LiveStreams } from './live-streams.ts';

const REQUEST_HEADERS = [
  'accept',
  'content-type',
  'idempotency-key',
  'if-none-match',
  'last-event-id',
  'stripe-signature',
] as const;
const RESPONSE_HEADERS = [
  'content-type',
  'content-length',
  'cache-control',
  'etag',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-should-retry',
  'location',
  'www-authenticate',
  'content-disposition',
  // of a page; the gateway's own allows nothing
  'content-security-policy',
  // without it, nginx would hold back the events of a stream
  'x-accel-buffering',
] as const;

export type Proxy = {
  failover: Failover<Dispatcher>;
  sign: SignIdentity;
  /** The caller; null on routes that need no authentication. */
  callerOf: (request: FastifyRequest) => Caller | null;
  idempotency: Idempotency;
  liveStreams: LiveStreams;
};

export function proxyRoutes(app: FastifyInstance, operations: readonly Operation[], proxy: Proxy): void {
  const add = (scope: FastifyInstance, operation: Operation) =>
    scope.route({
      method: operation.method,
      url: fastifyPath(operation.path),
      config: {
        auth: operation.auth,
        ...(operation.scope && { scope: operation.scope }),
        ...(operation.takesMedia && { takesMedia: true }),
      },
      ...(operation.takesMedia && { bodyLimit: MEDIA_BODY_LIMIT }),
      handler: (request, reply) => serve(request, reply, proxy, operation.isLive),
    });
  for (const operation of operations) {
    const { bodyTypes } = operation;
    if (bodyTypes === undefined) {
      add(app, operation);
      continue;
    }
    // A scope of its own: no other route accepts these content types.
    app.register(async (scope) => {
      scope.addContentTypeParser([...bodyTypes], { parseAs: 'buffer' }, (request, body, done) => {
        request.rawBody = body as Buffer;
        done(null, undefined);
      });
      add(scope, operation);
    });
  }
}

async function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  proxy: Proxy,
  isLive = false,
): Promise<FastifyReply> {
  const caller = proxy.callerOf(request);
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || typeof key !== 'string' || caller === null) {
    const response = await send(request, caller, proxy);
    reply.code(response.statusCode).headers(responseHeaders(response));
    if (!isLive || caller === null || response.statusCode !== 200) return reply.send(response.body);
    return reply.send(proxy.liveStreams.add(request, caller, response.body));
  }

  const body = request.rawBody ?? Buffer.alloc(0);
  const { outcome, isReplay } = await proxy.idempotency.runOnce(
    { caller, requestId: request.id, key, path: request.url, body },
    async () => ({ state: 'done', response: await readWhole(request, await send(request, caller, proxy)) }),
  );
  if (outcome.state !== 'done') throw problem('service_unavailable');
  const { response } = outcome;
  const headers = isReplay ? replayHeaders(response) : response.headers;
  return reply.code(response.status).headers(headers).send(response.body);
}

async function readWhole(
  request: FastifyRequest,
  response: Dispatcher.ResponseData,
): Promise<CompletedResponse> {
  return {
    status: response.statusCode,
    headers: { ...responseHeaders(response), 'x-request-id': request.id },
    body: Buffer.from(await response.body.arrayBuffer()),
  };
}

function responseHeaders({ headers }: Dispatcher.ResponseData): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of RESPONSE_HEADERS) {
    const value = headers[name];
    if (value !== undefined) passed[name] = String(value);
  }
  return passed;
}

/** @throws ProblemError `service_unavailable` when no process answers. */
async function send(
  request: FastifyRequest,
  caller: Caller | null,
  { failover, sign }: Proxy,
): Promise<Dispatcher.ResponseData> {
  const headers: Record<string, string> = {
    'x-request-id': request.id,
    [INTERNAL_CONTEXT_HEADER]: sign({ method: request.method, path: request.url }, caller ?? undefined),
  };
  const traceparent = traceparentOf(request.headers);
  if (traceparent !== undefined) headers.traceparent = traceparent;
  for (const name of REQUEST_HEADERS) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const options: Dispatcher.RequestOptions = {
    method: request.method as Dispatcher.HttpMethod,
    path: request.url,
    headers,
    body: request.rawBody,
  };
  try {
    return await failover((pool) => pool.request(options));
  } catch (error) {
    throw problem('service_unavailable', { cause: error, headers: { 'retry-after': '1' } });
  }
}
