import type { FastifyInstance } from 'fastify';
import { generateSessionToken } from '#libs/auth/session-token.ts';
import { createSessionToken, revokeSessionToken } from '#libs/contracts/session-tokens.ts';
import { type Database, transaction } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { limitsFromStored, limitsToStored, presentLimits, requestedLimits } from '../api-keys/domain.ts';
import { hasSameLimits, requireKey, type SetEndUserLimits } from './domain.ts';
import { insertToken, lockEndUser, revokeToken, saveLimits } from './store.ts';

export type SessionTokenRouteOptions = {
  database: Database;
  runtime: Runtime;
  setEndUserLimits: SetEndUserLimits;
};

/** `/api/session-tokens`: credentials of the end users of partners. */
export function sessionTokenRoutes(app: FastifyInstance, options: SessionTokenRouteOptions): void {
  const { database, runtime, setEndUserLimits } = options;

  serveOperation(app, createSessionToken, async (request, reply) => {
    const { accountId } = request.caller;
    const keyId = requireKey(request.caller);
    const { end_user: externalId, ttl_seconds: ttlSeconds, limits: given, ...restrictions } = request.body;
    const limits = given && requestedLimits(given);
    const createdAt = runtime.clock.now();
    const expiresAt = new Date(createdAt.getTime() + ttlSeconds * 1_000);
    const generated = generateSessionToken();
    const id = runtime.newId();
    const endUser = await transaction(database, async (tx) => {
      const { isNew, ...user } = await lockEndUser(
        tx,
        { id: runtime.newId(), accountId, externalId },
        createdAt,
      );
      if (limits !== undefined && !hasSameLimits(limits, limitsFromStored(user.limits))) {
        // Under the lock, so that the limits in force are the stored ones; before the token exists.
        await setEndUserLimits({ accountId, userId: user.id, isNew, limits, requestId: request.id });
        await saveLimits(tx, user.id, limitsToStored(limits), createdAt);
      }
      await insertToken(tx, {
        ...{ id, accountId, endUserId: user.id, keyId, publicId: generated.id },
        secretHash: generated.secretHash.toString('hex'),
        ...restrictions,
        createdAt,
        expiresAt,
      });
      return { ...user, limits: limits === undefined ? user.limits : limitsToStored(limits) };
    });
    logAccess(request, 'session_token.created', { token: id, end_user: endUser.id, by_key: keyId });
    reply.code(201);
    return {
      id,
      token: generated.text,
      end_user: externalId,
      user_id: endUser.id,
      limits: presentLimits(endUser.limits),
      ...restrictions,
      created_at: createdAt.toISOString(),
      expires_at: expiresAt.toISOString(),
    };
  });

  serveOperation(app, revokeSessionToken, async (request, reply) => {
    const { accountId } = request.caller;
    const keyId = requireKey(request.caller);
    const { id } = request.params;
    const isKnown = await revokeToken(database, { accountId, id }, runtime.clock.now());
    if (!isKnown) throw problem('not_found');
    logAccess(request, 'session_token.revoked', { token: id, by_key: keyId });
    return reply.code(204).send();
  });
}
