/** Operations that another service serves: the gateway says who calls, and passes everything else on as it is. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Dispatcher } from 'undici';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { SERVICE_CALLER, signContext } from '#libs/clients/internal-client.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER } from '#libs/contracts/internal-context.ts';
import { fastifyPath, type Operation } from '#libs/contracts/operation.ts';
import { isNotSent } from '#libs/http/service-pool.ts';
import { problem } from '#libs/problems/problems.ts';
import { conclude, type Idempotency, replay } from '../idempotency/idempotency.ts';
import type { ForwardedAnswer } from '../idempotency/stored-response.ts';

const SENT_ON = ['accept', 'content-type', 'if-none-match'] as const;
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
  /** Repeats the first answer to a POST that carries an `Idempotency-Key`. */
  idempotency?: Pick<Idempotency, 'begin'>;
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
        return serve(request, reply, [...pools.slice(turn), ...pools.slice(0, turn)], dependencies);
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

async function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  pools: readonly Dispatcher[],
  dependencies: ProxiedDependencies,
): Promise<FastifyReply> {
  const caller = dependencies.callerOf(request);
  const key = request.headers['idempotency-key'];
  const { idempotency } = dependencies;
  if (request.method !== 'POST' || typeof key !== 'string' || caller === null || idempotency === undefined) {
    const answer = await passOn(request, caller, pools, dependencies);
    return reply.code(answer.statusCode).headers(passedBack(answer)).send(answer.body);
  }

  const body = request.rawBody ?? Buffer.alloc(0);
  const begun = await idempotency.begin({ caller, requestId: request.id, key, path: request.url, body });
  if ('replay' in begun) return replay(reply, begun.replay);
  let kept: ForwardedAnswer | undefined;
  try {
    const answer = await passOn(request, caller, pools, dependencies);
    const headers = { ...passedBack(answer), 'x-request-id': request.id };
    kept = { status: answer.statusCode, headers, body: Buffer.from(await answer.body.arrayBuffer()) };
  } finally {
    await conclude(begun.claim, kept);
  }
  return reply.code(kept.status).headers(kept.headers).send(kept.body);
}

function passedBack({ headers }: Dispatcher.ResponseData): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_BACK) {
    const value = headers[name];
    if (value !== undefined) passed[name] = String(value);
  }
  return passed;
}

function passOn(
  request: FastifyRequest,
  sender: Caller | null,
  pools: readonly Dispatcher[],
  { signer, now }: ProxiedDependencies,
): Promise<Dispatcher.ResponseData> {
  const caller = sender ?? SERVICE_CALLER;
  const headers: Record<string, string> = {
    'x-request-id': request.id,
    [INTERNAL_CONTEXT_HEADER]: signContext(signer, now(), { caller, requestId: request.id }),
  };
  for (const name of SENT_ON) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return firstAnswer(pools, {
    method: request.method as Dispatcher.HttpMethod,
    path: request.url,
    headers,
    body: request.rawBody,
  });
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
