import type { FastifyRequest } from 'fastify';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { RequiredScope } from '#libs/contracts/key-scopes.ts';
import { WORKSPACE_HEADER } from '#libs/contracts/workspaces.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { requireStaff } from '#libs/service/staff.ts';
import type { EnterWorkspace } from '../workspaces/enter-workspace.ts';
import type { ApiKeyAuthenticator } from './api-key-authenticator.ts';
import { credentialOf } from './credential.ts';
import { requireScope } from './domain.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Reading it on a route whose `auth` is `none` throws `unauthenticated`. */
    readonly caller: Caller;
  }
  interface FastifyContextConfig {
    /** The scope an API key needs here; without it, only `*` will do. */
    scope?: RequiredScope;
  }
}

const CALLER = Symbol('caller');
type Identified = FastifyRequest & { [CALLER]: Caller | null };

/** The caller of an authenticated request. @throws ProblemError `unauthenticated` */
export function callerOf(request: FastifyRequest): Caller {
  const caller = (request as Identified)[CALLER];
  if (caller === null) throw problem('unauthenticated');
  return caller;
}

/**
 * Makes every route demand a caller unless its `config.auth` says `none`, and staff where it says `staff`.
 * A route that says nothing is for callers that may do everything.
 */
export function addAuthentication(
  app: ServiceApp,
  {
    tokens,
    apiKeys,
    enterWorkspace,
  }: { tokens: TokenAuthenticator; apiKeys: ApiKeyAuthenticator; enterWorkspace: EnterWorkspace },
): void {
  app.decorateRequest(CALLER, null);
  app.decorateRequest('caller', {
    getter() {
      return callerOf(this);
    },
  });

  /** @returns a promise only where the request names a workspace, which may have to be looked up. */
  function admit(request: FastifyRequest, caller: Caller): Promise<void> | undefined {
    const { auth, scope } = request.routeOptions.config;
    (request as Identified)[CALLER] = caller;
    request.accountId = caller.accountId;
    requireScope(caller, scope);
    if (auth === 'staff') requireStaff(caller, request.method);
    const workspace = request.headers[WORKSPACE_HEADER];
    return workspace === undefined ? undefined : enter(request, caller, workspace);
  }

  async function enter(request: FastifyRequest, caller: Caller, workspace: string | string[]): Promise<void> {
    (request as Identified)[CALLER] = await enterWorkspace(caller, workspace);
  }

  // With a callback, because most requests show something that is remembered and need not wait for a promise.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.is404 || request.routeOptions.config.auth === 'none') return done();
    try {
      const { kind, text } = credentialOf(request.headers);
      const answer = kind === 'api_key' ? apiKeys.authenticate(text) : tokens.authenticate(text);
      const admitted =
        answer instanceof Promise ? answer.then((caller) => admit(request, caller)) : admit(request, answer);
      if (admitted === undefined) return done();
      admitted.then(() => done(), done);
    } catch (error) {
      done(error as Error);
    }
  });
}
