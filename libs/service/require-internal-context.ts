import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import {
  type Caller,
  INTERNAL_CONTEXT_HEADER,
  type InternalContext,
  type PlatformRole,
} from '#libs/contracts/internal-context.ts';
import type { OperationAuth } from '#libs/contracts/operation.ts';
import { problem } from '#libs/problems/problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls and why, as signed by another service; null only on routes whose `auth` is `none`. */
    context: InternalContext | null;
  }
  interface FastifyContextConfig {
    /** Who may call a public operation; a route without it is for services alone. */
    auth?: OperationAuth;
  }
}

export type InternalContextOptions = { signer: Pick<ContextSigner, 'verify'> };

const READERS: readonly PlatformRole[] = ['support', 'admin'];
const WRITERS: readonly PlatformRole[] = ['admin'];
const READING_METHODS = ['GET', 'HEAD'];

async function internalContext(app: FastifyInstance, { signer }: InternalContextOptions): Promise<void> {
  app.decorateRequest('context', null);
  app.addHook('onRequest', async (request) => {
    if (request.is404) return;
    const { auth } = request.routeOptions.config;
    const header = request.headers[INTERNAL_CONTEXT_HEADER];
    if (header === undefined && auth === 'none') return;
    const context = verified(signer, header);
    request.context = context;
    request.accountId = context.caller.accountId;
    if (auth === 'staff') requireStaff(context.caller, request.method);
  });
}

/**
 * Makes every route of an internal service refuse requests that do not carry a validly signed context, and routes for
 * staff those of anybody else: reading takes the platform role `support`, changing `admin`.
 */
export const requireInternalContext = fastifyPlugin(internalContext, { name: 'internal-context' });

function verified(
  signer: InternalContextOptions['signer'],
  header: string | string[] | undefined,
): InternalContext {
  if (typeof header !== 'string') throw problem('unauthenticated');
  const verdict = signer.verify<InternalContext>(header);
  if (!verdict.ok) throw problem('unauthenticated', { cause: `the internal context is ${verdict.reason}` });
  return verdict.payload;
}

function requireStaff(caller: Caller, method: string): void {
  const allowed = READING_METHODS.includes(method) ? READERS : WRITERS;
  if (!allowed.includes(caller.platformRole)) {
    throw problem('platform_role_required', { fields: { required_roles: allowed } });
  }
}

/** Whether platform staff is calling, who may read every account. */
export function isStaff(caller: Caller): boolean {
  return READERS.includes(caller.platformRole);
}

/** The caller of a route that demands one. @throws ProblemError `unauthenticated` where there is none. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.context === null) throw problem('unauthenticated');
  return request.context.caller;
}
