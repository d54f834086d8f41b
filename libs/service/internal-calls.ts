import type { IncomingMessage } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { InternalIdentity } from '#libs/auth/internal-identity.ts';
import { type Caller, INTERNAL_CONTEXT_HEADER, type ServiceName } from '#libs/contracts/internal-context.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller on whose behalf a service calls; `null` only where `requireInternalContext` is not applied. */
    internalCaller: Caller | null;
  }
  interface FastifyContextConfig {
    /** The services that may call the route; the gateway unless given. */
    senders?: readonly ServiceName[];
  }
}

const DEFAULT_SENDERS: readonly ServiceName[] = ['gateway'];

/**
 * Refuses every request to this scope that no service has signed for exactly this method and path, or that comes from a
 * service that may not call the route. Hooks belong to the Fastify scope in which they are added, so call this on the root
 * or inside one plugin.
 *
 * The response is always `unauthenticated`; the log has the reason.
 */
export function requireInternalContext(
  app: FastifyInstance,
  identity: Pick<InternalIdentity, 'verify'>,
): void {
  if (!app.hasRequestDecorator('internalCaller')) app.decorateRequest('internalCaller', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const verdict = verify(identity, request.raw, request.routeOptions.config.senders);
    if (!verdict.ok) {
      done(refuse(request.log, verdict.reason));
      return;
    }
    request.internalCaller = verdict.caller;
    request.accountId = verdict.caller.accountId;
    done();
  });
}

/**
 * The caller of a request that Fastify does not see; only the gateway may send it.
 * @throws ProblemError `unauthenticated`; the log has the reason.
 */
export function verifyCaller(
  identity: Pick<InternalIdentity, 'verify'>,
  request: IncomingMessage,
  log: Pick<FastifyBaseLogger, 'warn'>,
): Caller {
  const verdict = verify(identity, request);
  if (!verdict.ok) throw refuse(log, verdict.reason);
  return verdict.caller;
}

function verify(
  identity: Pick<InternalIdentity, 'verify'>,
  { headers, method = '', url = '' }: IncomingMessage,
  senders: readonly ServiceName[] = DEFAULT_SENDERS,
) {
  const header = headers[INTERNAL_CONTEXT_HEADER];
  if (typeof header !== 'string') return { ok: false, reason: 'missing' } as const;
  const verdict = identity.verify(header, { method, path: url });
  if (verdict.ok && !senders.includes(verdict.sender)) {
    return { ok: false, reason: 'sender_not_allowed' } as const;
  }
  return verdict;
}

function refuse(log: Pick<FastifyBaseLogger, 'warn'>, reason: string): ProblemError {
  log.warn({ reason }, 'internal context refused');
  return problem('unauthenticated', { detail: 'Only internal services may call this route.' });
}

/** The caller, for handlers behind `requireInternalContext`. */
export function callerOf(request: FastifyRequest): Caller {
  // The route is outside the guarded scope, a mistake in the code: fail closed.
  if (!request.internalCaller) throw new Error('The route is not behind requireInternalContext');
  return request.internalCaller;
}
