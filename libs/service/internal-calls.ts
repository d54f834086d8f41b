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
    /** On whose behalf another service calls; `null` only where `requireInternalContext` was not applied. */
    internalContext: InternalContext | null;
  }
}

/**
 * Refuses every request to this scope that does not carry a context signed by a service of ours. Hooks belong to the
 * Fastify scope they are added in, so call this on the root or inside one plugin.
 *
 * @throws (as answers) `unauthenticated`, whatever is wrong with the context; the log tells what.
 */
export function requireInternalContext(app: FastifyInstance, signer: Pick<ContextSigner, 'verify'>): void {
  if (!app.hasRequestDecorator('internalContext')) app.decorateRequest('internalContext', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const verdict = verify(signer, request.headers);
    if (!verdict.ok) {
      request.log.warn({ reason: verdict.reason }, 'internal context refused');
      done(problem('unauthenticated', { detail: 'Only services of the system may call this.' }));
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

/** The status for connections that are not opened by a service of ours, null for those that are. */
export function rejectUnsignedCaller(
  signer: Pick<ContextSigner, 'verify'>,
  headers: IncomingHttpHeaders,
): 401 | null {
  return verify(signer, headers).ok ? null : 401;
}

/** The verified context of a request, for handlers behind `requireInternalContext`. */
export function internalContextOf(request: FastifyRequest): InternalContext {
  // a route outside the guarded scope: a mistake of ours, so it fails loudly and closed
  if (!request.internalContext) throw new Error('The route is not behind requireInternalContext');
  return request.internalContext;
}

/** Who is calling, for handlers behind `requireInternalContext`. */
export function callerOf(request: FastifyRequest): Caller {
  return internalContextOf(request).caller;
}
