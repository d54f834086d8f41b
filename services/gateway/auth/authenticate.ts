import type { FastifyInstance, FastifyRequest } from 'fastify';
import { looksLikeSessionToken } from '#libs/auth/session-token.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { RequiredScope } from '#libs/contracts/key-scopes.ts';
import { WORKSPACE_HEADER } from '#libs/contracts/workspaces.ts';
import { problem } from '#libs/problems/problems.ts';
import { requireStaff } from '#libs/service/staff.ts';
import type { ApiKeyAuthenticator } from './api-key-authenticator.ts';
import { credentialOf, hasCredential } from './credential.ts';
import { requireScope } from './domain.ts';
import type { EnterWorkspace } from './enter-workspace.ts';
import type { SessionAuthenticator } from './session-authenticator.ts';
import { checkSession } from './session-rules.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The authenticated caller. Reading it on a route whose `auth` is `none` throws `unauthenticated`. */
    readonly caller: Caller;
  }
  interface FastifyInstance {
    /**
     * For routes whose `auth` is `none`: the caller, or null for a request without a credential.
     * @throws ProblemError when the credential is not valid.
     */
    authenticateOptional: (request: FastifyRequest) => Promise<Caller | null>;
    /**
     * The caller that the credential of an earlier request has now. Costs a look-up in a cache.
     * @throws ProblemError when the credential is not valid any more.
     */
    authenticateAgain: (request: FastifyRequest) => Caller | Promise<Caller>;
  }
  interface FastifyContextConfig {
    /** The scope an API key needs for the route; without it, only `*` is enough. */
    scope?: RequiredScope;
  }
}

const GOOGLE_ROUTES = /^\/v1beta\/|^\/v1\/models\/.*::/;

/** Google's clients send the key in the URL, which no log contains. Other routes do not accept it there. */
function queryKeyOf(request: FastifyRequest): unknown {
  const { key } = request.query as { key?: unknown };
  return key !== undefined && GOOGLE_ROUTES.test(request.routeOptions.url ?? '') ? key : undefined;
}

const CALLER = Symbol('caller');
type Identified = FastifyRequest & { [CALLER]: Caller | null };

/**
 * Requires a caller on every route, except where `config.auth` is `none`, and staff where it is `staff`. A route without
 * a scope is for callers that may do everything.
 */
export function authenticateRequests(
  app: FastifyInstance,
  {
    tokens,
    apiKeys,
    sessionTokens,
    enterWorkspace,
  }: {
    tokens: TokenAuthenticator;
    apiKeys: ApiKeyAuthenticator;
    sessionTokens: SessionAuthenticator;
    enterWorkspace: EnterWorkspace;
  },
): void {
  app.decorateRequest(CALLER, null);
  app.decorateRequest('caller', {
    getter() {
      const caller = (this as Identified)[CALLER];
      if (caller === null) throw problem('unauthenticated');
      return caller;
    },
  });

  /**
   * @param route of the request, which Fastify assembles at each read.
   * @returns a promise only where the request names a workspace that has to be looked up.
   */
  function admit(
    request: FastifyRequest,
    { url = '', config: { auth, scope } }: FastifyRequest['routeOptions'],
    caller: Caller,
  ): Promise<void> | undefined {
    (request as Identified)[CALLER] = caller;
    request.accountId = caller.accountId;
    requireScope(caller, scope);
    if (auth === 'staff') requireStaff(caller, request.method);
    const workspace = request.headers[WORKSPACE_HEADER];
    if (caller.session !== undefined) {
      const { method, headers } = request;
      checkSession(caller.session, { method, url, origin: headers.origin, workspace });
    }
    return workspace === undefined ? undefined : enter(request, caller, workspace);
  }

  async function enter(request: FastifyRequest, caller: Caller, workspace: string | string[]): Promise<void> {
    (request as Identified)[CALLER] = await enterWorkspace(caller, workspace);
  }

  function authenticate(request: FastifyRequest): Caller | Promise<Caller> {
    const { kind, text } = credentialOf(request.headers, queryKeyOf(request));
    if (kind === 'token') return tokens.authenticate(text);
    return looksLikeSessionToken(text) ? sessionTokens.authenticate(text) : apiKeys.authenticate(text);
  }

  app.decorate('authenticateOptional', async (request) => {
    const caller = hasCredential(request.headers) ? await authenticate(request) : null;
    // An end user of a partner is no user of ours.
    return caller?.session === undefined ? caller : null;
  });

  app.decorate('authenticateAgain', authenticate);

  // With a callback, because most credentials are cached and need no promise.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.is404) return done();
    const route = request.routeOptions;
    if (route.config.auth === 'none') return done();
    try {
      const answer = authenticate(request);
      const admitted =
        answer instanceof Promise
          ? answer.then((caller) => admit(request, route, caller))
          : admit(request, route, answer);
      if (admitted === undefined) return done();
      admitted.then(() => done(), done);
    } catch (error) {
      done(error as Error);
    }
  });
}
