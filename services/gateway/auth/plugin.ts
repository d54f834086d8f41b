import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import type { Database } from '#libs/db/database.ts';
import type { Listener } from '#libs/db/listen.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { type AccessTokenOptions, createAccessTokens } from './access-tokens.ts';
import { createApiKeyAuthenticator } from './api-key-authenticator.ts';
import { authenticateRequests } from './authenticate.ts';
import { createCallerCaches } from './caller-caches.ts';
import { emailRoutes } from './email-routes.ts';
import { createEnterWorkspace } from './enter-workspace.ts';
import { createExternalIssuer, type ExternalIssuerOptions } from './external-issuer.ts';
import type { KeyUse } from './jobs.ts';
import { jwksRoutes } from './jwks-routes.ts';
import { requestInvitationMail, requestMail } from './mails.ts';
import { authRoutes } from './routes.ts';
import { createSessionAuthenticator } from './session-authenticator.ts';
import { findSessionToken } from './session-tokens-store.ts';
import {
  findApiKeyByPublicId,
  findMembership,
  findSessionMembership,
  findWorkspaceOf,
  provisionExternalUser,
} from './store.ts';
import { createTokenAuthenticator } from './token-authenticator.ts';

export { requestInvitationMail, requestMail };

export type AuthOptions = {
  config: {
    accessTokens: AccessTokenOptions;
    refreshTokenTtlMs: number;
    externalIssuer: ExternalIssuerOptions | null;
    requiresVerification: boolean;
  };
  database: Database;
  runtime: Runtime;
  listener: Listener;
  keyUse: KeyUse;
};

/** Authenticates every request of the app (`request.caller`), and serves `/api/auth`. */
export const authPlugin = fp<AuthOptions>(
  (async (app, { config, database, runtime, listener, keyUse }) => {
    const { clock } = runtime;
    const caches = createCallerCaches(app, clock, listener);
    const accessTokens = createAccessTokens(app, clock, config.accessTokens);
    const externalIssuer =
      config.externalIssuer === null ? null : createExternalIssuer(config.externalIssuer, clock);

    authenticateRequests(app, {
      tokens: createTokenAuthenticator({
        clock,
        accessTokens,
        externalIssuer,
        cache: caches.tokens,
        findSessionMembership: (session) => findSessionMembership(database, session, clock.now()),
        findExternalMembership: async (external) =>
          findMembership(database, await provisionExternalUser(database, runtime, external)),
      }),
      apiKeys: createApiKeyAuthenticator({
        clock,
        cache: caches.apiKeys,
        findKey: (publicId) => findApiKeyByPublicId(database, publicId),
        onUse: keyUse.note,
      }),
      sessionTokens: createSessionAuthenticator({
        clock,
        cache: caches.sessionTokens,
        findToken: (publicId) => findSessionToken(database, publicId),
      }),
      enterWorkspace: createEnterWorkspace({
        cache: caches.workspaces,
        findWorkspace: (accountId, id) => findWorkspaceOf(database, accountId, id),
      }),
    });
    app.addHook('onClose', () => keyUse.flush());

    authRoutes(app, {
      database,
      runtime,
      signAccessToken: accessTokens.sign,
      accessTokenTtlMs: config.accessTokens.ttlMs,
      refreshTokenTtlMs: config.refreshTokenTtlMs,
      requiresVerification: config.requiresVerification,
    });
    emailRoutes(app, { database, runtime });
    jwksRoutes(app, config.accessTokens.keys);
  }) satisfies FastifyPluginAsync<AuthOptions>,
  { name: 'auth' },
);
