import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hashPassword, passwordNeedsRehash } from '#libs/auth/password.ts';
import * as contract from '#libs/contracts/identity.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { checkNewPassword, type Session } from './domain.ts';
import { endSession, rotateSession, type SessionToken, startSession } from './sessions-store.ts';
import {
  openAccount,
  registerOwner,
  registerUnverified,
  type SignInContext,
  verifyCredentials,
} from './sign-in.ts';

export type AuthRoutesOptions = {
  database: Database;
  runtime: Runtime;
  signAccessToken: (session: Session) => string;
  accessTokenTtlMs: number;
  refreshTokenTtlMs: number;
  requiresVerification: boolean;
};

/** `/api/auth`: sign up, sign in, continue and end a session. */
export function authRoutes(app: FastifyInstance, options: AuthRoutesOptions): void {
  const presentTokens = (session: SessionToken): contract.TokenPair => ({
    access_token: options.signAccessToken(session),
    token_type: 'Bearer',
    expires_in: Math.floor(options.accessTokenTtlMs / 1000),
    refresh_token: session.refreshToken,
    refresh_expires_in: Math.floor(options.refreshTokenTtlMs / 1000),
  });

  async function start(
    request: FastifyRequest,
    login: Parameters<typeof startSession>[1],
  ): Promise<contract.TokenPair> {
    const session = await startSession(options, login);
    if (session === null) throw problem('invalid_credentials');
    request.accountId = session.accountId;
    logAccess(request, 'session.started', { user: session.userId, session: session.sessionId });
    return presentTokens(session);
  }

  /** Limits password checks of one address, over all routes that verify one. */
  const contextOf = (request: FastifyRequest, reply: FastifyReply): SignInContext => ({
    database: options.database,
    runtime: options.runtime,
    requiresVerification: options.requiresVerification,
    limitChecks: (email) => app.throttles.byUser(request, reply, email.toLowerCase()),
    onPassed: (email) => app.throttles.recordPassed(request, email.toLowerCase()),
    onRefused: (userId) => logAccess(request, 'session.refused', { user: userId }),
  });

  serveOperation(app, contract.register, async (request, reply) => {
    const { email, password, name = null, account_name: accountName } = request.body;
    await app.throttles.bySignUp(request, reply, email);
    checkNewPassword(password);
    const input = { email, password, name, accountName };
    if (options.requiresVerification) {
      const created = await registerUnverified(options, input);
      if (created !== null) logAccess(request, 'user.registered', { user: created.userId });
      reply.code(202);
      return contract.VERIFICATION_REQUIRED;
    }
    const owner = await registerOwner(contextOf(request, reply), input);
    request.accountId = owner.accountId;
    logAccess(request, 'user.registered', { user: owner.userId });
    const tokens = await start(request, owner);
    reply.code(201);
    return tokens;
  });

  serveOperation(app, contract.login, async (request, reply) => {
    const { email, password, account_id: requested } = request.body;
    const context = contextOf(request, reply);
    const { userId, verifiedHash } = await verifyCredentials(context, email, password);
    const accountId = await openAccount(context, { userId, verifiedHash }, requested);
    return await start(request, {
      userId,
      accountId,
      verifiedHash,
      ...(passwordNeedsRehash(verifiedHash) && { newHash: await hashPassword(password) }),
    });
  });

  serveOperation(app, contract.refresh, async (request) => {
    const { refresh_token: refreshToken, account_id: accountId } = request.body;
    const rotation = await rotateSession(options, refreshToken, accountId);
    switch (rotation.outcome) {
      case 'rotated':
        request.accountId = rotation.session.accountId;
        return presentTokens(rotation.session);
      case 'reused': {
        const { session } = rotation;
        request.accountId = session.accountId;
        logAccess(request, 'session.refresh_reused', { user: session.userId, session: session.sessionId });
        throw problem('refresh_token_reused');
      }
      case 'suspended':
        throw problem('account_suspended');
      case 'not_a_member':
        throw problem('role_required', { detail: `You are not a member of the account ${accountId}.` });
      case 'invalid':
        throw problem('refresh_token_invalid');
    }
  });

  serveOperation(app, contract.logout, async (request, reply: FastifyReply) => {
    const session = await endSession(options, request.body.refresh_token);
    if (session !== null) {
      request.accountId = session.accountId;
      logAccess(request, 'session.ended', { user: session.userId, session: session.sessionId });
    }
    return reply.code(204).send();
  });
}
