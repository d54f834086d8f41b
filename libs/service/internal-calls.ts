import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import {
  type Caller,
  INTERNAL_CONTEXT_HEADER,
  type InternalContext,
} from '#libs/contracts/internal-context.ts';
import { problem } from '#libs/problems/problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller on whose behalf a service calls; `null` only where `requireInternalContext` is not applied. */
    internalContext: InternalContext | null;
  }
}

/**
 * Refuses every request to this scope without a context signed by a service. Hooks belong to the Fastify scope in which
 * they are added, so call this on the root or inside one plugin.
 *
 * The response is always `unauthenticated`; the log has the reason.
 */
export function requireInternalContext(app: FastifyInstance, signer: Pick<ContextSigner, 'verify'>): void {
  if (!app.hasRequestDecorator('internalContext')) app.decorateRequest('internalContext', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const verdict = verify(signer, request.headers);
    if (!verdict.ok) {
      request.log.warn({ reason: verdict.reason }, 'internal context refused');
      done(problem('unauthenticated', { detail: 'Only internal services may call this route.' }));
      return;
    }
    request.internalContext = verdict.payload;
    request.accountId = verdict.payload.caller.accountId;
    done();
  });
}

function verify(signer: Pick<ContextSigner, 'verify'>, headers: IncomingHttpHeaders) {
  const header = headers[INTERNAL_CONTEXT_HEADER];
  return typeof header === 'string'
    ? signer.verify<InternalContext>(header)
    : ({ ok: false, reason: 'missing' } as const);
}

/** The status with which to refuse a connection, or null if a service opened it. */
export function rejectUnsignedCaller(
  signer: Pick<ContextSigner, 'verify'>,
  headers: IncomingHttpHeaders,
): 401 | null {
  return verify(signer, headers).ok ? null : 401;
}

/** The verified context of a request, for handlers behind `requireInternalContext`. */
export function internalContextOf(request: FastifyRequest): InternalContext {
  // The route is outside the guarded scope, a mistake in the code: fail closed.
  if (!request.internalContext) throw new Error('The route is not behind requireInternalContext');
  return request.internalContext;
}

/** The caller, for handlers behind `requireInternalContext`. */
export function callerOf(request: FastifyRequest): Caller {
  return internalContextOf(request).caller;
}
