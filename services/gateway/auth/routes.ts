import type { FastifyReply, FastifyRequest } from 'fastify';
import { hashPassword, passwordNeedsRehash, verifyPassword } from '#libs/auth/password.ts';
import * as contract from '#libs/contracts/identity.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { Throttles } from '../rate-limits/plugin.ts';
import { audit } from './access-log.ts';
import type { PeopleStore, Session, SessionStore, SessionToken } from './ports.ts';

export type AuthDependencies = {
  people: Pick<PeopleStore, 'createOwner' | 'findCredentials' | 'findMembership'>;
  sessions: SessionStore;
  signAccessToken: (session: Session) => string;
  throttles: Throttles;
  accessTokenTtlMs: number;
  refreshTokenTtlMs: number;
};

/** Signing up, in and out. */
export function registerAuth(app: ServiceApp, dependencies: AuthDependencies): void {
  const { people, sessions, signAccessToken, throttles } = dependencies;

  const presentTokens = (session: SessionToken): contract.TokenPair => ({
    access_token: signAccessToken(session),
    token_type: 'Bearer',
    expires_in: Math.floor(dependencies.accessTokenTtlMs / 1000),
    refresh_token: session.refreshToken,
    refresh_expires_in: Math.floor(dependencies.refreshTokenTtlMs / 1000),
  });

  function started(request: FastifyRequest, session: SessionToken): contract.TokenPair {
    request.accountId = session.accountId;
    audit(request, 'session.started', { user: session.userId, session: session.sessionId });
    return presentTokens(session);
  }

  serveOperation(app, contract.register, async (request, reply) => {
    await throttles.bySource(request, reply);
    const { email, password, name = null, account_name: accountName } = request.body;
    // Hashed before anybody looks whether the address is free, so that both answers take the same time.
    const passwordHash = await hashPassword(password);
    const owner = await people.createOwner({
      email,
      passwordHash,
      name,
      accountName: accountName ?? name ?? email,
    });
    request.accountId = owner.accountId;
    audit(request, 'user.registered', { user: owner.userId });
    const session = await sessions.start({ ...owner, verifiedHash: passwordHash });
    if (session === null) throw problem('invalid_credentials');
    reply.code(201);
    return started(request, session);
  });

  async function logIn(request: FastifyRequest, email: string, password: string, accountId?: string) {
    const credentials = await people.findCredentials(email);
    const verifiedHash = credentials?.passwordHash ?? null;
    const isRight = await verifyPassword(password, verifiedHash);
    if (!isRight || credentials === null || verifiedHash === null) {
      audit(request, 'session.refused', { user: credentials?.userId ?? null });
      throw problem('invalid_credentials');
    }
    const { userId } = credentials;
    const membership = await people.findMembership(userId, accountId);
    if (membership === null || membership.accountStatus === 'deleted') {
      throw problem('role_required', { detail: 'You are not a member of such an account.' });
    }
    if (membership.accountStatus === 'suspended') throw problem('account_suspended');
    const session = await sessions.start({
      userId,
      accountId: membership.accountId,
      verifiedHash,
      ...(passwordNeedsRehash(verifiedHash) && { newHash: await hashPassword(password) }),
    });
    if (session === null) throw problem('invalid_credentials');
    return session;
  }

  serveOperation(app, contract.login, async (request, reply) => {
    const { email, password, account_id: accountId } = request.body;
    await throttles.bySource(request, reply);
    await throttles.byPerson(request, reply, email.toLowerCase());
    return started(request, await logIn(request, email, password, accountId));
  });

  serveOperation(app, contract.refresh, async (request, reply) => {
    await throttles.bySource(request, reply);
    const rotation = await sessions.rotate(request.body.refresh_token);
    switch (rotation.outcome) {
      case 'rotated':
        request.accountId = rotation.session.accountId;
        return presentTokens(rotation.session);
      case 'reused': {
        const { userId, accountId, sessionId } = rotation.session;
        request.accountId = accountId;
        audit(request, 'session.refresh_reused', { user: userId, session: sessionId });
        throw problem('refresh_token_reused');
      }
      case 'suspended':
        throw problem('account_suspended');
      case 'invalid':
        throw problem('refresh_token_invalid');
    }
  });

  serveOperation(app, contract.logout, async (request, reply: FastifyReply) => {
    await throttles.bySource(request, reply);
    const session = await sessions.end(request.body.refresh_token);
    if (session !== null) {
      request.accountId = session.accountId;
      audit(request, 'session.ended', { user: session.userId, session: session.sessionId });
    }
    return reply.code(204).send();
  });
}
