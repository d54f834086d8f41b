/** Operations that another service serves: the gateway says who calls, and passes everything else on as it is. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { SERVICE_CALLER, signContext } from '#libs/clients/internal-client.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { fastifyPath, type Operation } from '#libs/contracts/operation.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';

const SENT_ON = ['accept', 'content-type', 'if-none-match', 'idempotency-key'] as const;
const PASSED_BACK = [
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
] as const;

export type ProxiedDependencies = {
  signer: ContextSigner;
  now: () => Date;
  /** The caller, or null where nobody is signed in (operations open to anybody). */
  callerOf: (request: FastifyRequest) => Caller | null;
};

/** @param pools connections to the processes that serve them; each takes its turn. */
export function registerProxied(
  app: FastifyInstance,
  operations: readonly Operation[],
  pools: readonly Dispatcher[],
  dependencies: ProxiedDependencies,
): void {
  let turn = 0;
  const add = (scope: FastifyInstance, operation: Operation) =>
    scope.route({
      method: operation.method,
      url: fastifyPath(operation.path),
      config: { auth: operation.auth, ...(operation.scope && { scope: operation.scope }) },
      handler: (request, reply) => {
        turn = (turn + 1) % pools.length;
        return passOn(request, reply, [...pools.slice(turn), ...pools.slice(0, turn)], dependencies);
      },
    });
  for (const operation of operations) {
    const { bodyTypes } = operation;
    if (bodyTypes === undefined) {
      add(app, operation);
      continue;
    }
    // In a scope of its own, for no other route reads these.
    app.register(async (scope) => {
      scope.addContentTypeParser([...bodyTypes], { parseAs: 'buffer' }, (request, body, done) => {
        request.rawBody = body as Buffer;
        done(null, undefined);
      });
      add(scope, operation);
    });
  }
}

async function passOn(
  request: FastifyRequest,
  reply: FastifyReply,
  pools: readonly Dispatcher[],
  { signer, now, callerOf }: ProxiedDependencies,
): Promise<FastifyReply> {
  const caller = callerOf(request) ?? SERVICE_CALLER;
  const headers: Record<string, string> = {
    'x-request-id': request.id,
    [INTERNAL_CONTEXT_HEADER]: signContext(signer, now(), { caller, requestId: request.id }),
  };
  for (const name of SENT_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const answer = await firstAnswer(pools, {
    method: request.method as Dispatcher.HttpMethod,
    path: request.url,
    headers,
    body: request.rawBody,
  });
  for (const name of PASSED_BACK) {
    const value = answer.headers[name];
    if (value !== undefined) reply.header(name, value);
  }
  return reply.code(answer.statusCode).send(answer.body);
}

/** A process that cannot be reached is passed over: it has not seen the request. */
async function firstAnswer(
  pools: readonly Dispatcher[],
  request: Dispatcher.RequestOptions,
): Promise<Dispatcher.ResponseData> {
  let lost: unknown;
  for (const pool of pools) {
    try {
      return await pool.request(request);
    } catch (error) {
      lost = error;
      if (!isNotSent(error)) break;
    }
  }
  throw problem('service_unavailable', { cause: lost, headers: { 'retry-after': '1' } });
}
