import type { FastifyInstance } from 'fastify';
import { generateApiKey, generateSecret } from '#libs/auth/api-key.ts';
import * as contract from '#libs/contracts/api-keys.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { logAccess } from '#libs/service/access-log.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { actorOf, requireUser } from '../auth/domain.ts';
import {
  type ApiKeyRow,
  checkDelegation,
  checkExpiry,
  checkIsActive,
  checkMayManageKeys,
  limitsToStored,
  presentLimits,
  requestedLimits,
  type SetKeyLimits,
} from './domain.ts';
import { changeApiKey, findApiKey, insertApiKey, listApiKeys, revokeApiKey } from './store.ts';

export type ApiKeyRoutesOptions = { database: Database; runtime: Runtime; setKeyLimits: SetKeyLimits };

/** `/api/api-keys`: credentials of programs that act for an account. */
export function apiKeyRoutes(app: FastifyInstance, options: ApiKeyRoutesOptions): void {
  const { database, runtime, setKeyLimits } = options;

  /** The user who answers for a new key: the caller, or the creator of the key that creates it. */
  async function findCreator(caller: Caller, child: Parameters<typeof checkDelegation>[1]): Promise<string> {
    if (caller.keyId === null) return requireUser(caller);
    const parent = await findApiKey(database, caller.accountId, caller.keyId);
    if (parent === undefined) throw problem('not_found');
    checkDelegation(parent, child);
    return parent.createdBy;
  }

  serveOperation(app, contract.createApiKey, async (request, reply) => {
    const { caller } = request;
    checkMayManageKeys(caller);
    const { name, scopes, expires_at } = request.body;
    const limits = requestedLimits(request.body.limits);
    const now = runtime.clock.now();
    const expiresAt = expires_at === undefined ? null : new Date(expires_at);
    checkExpiry(expiresAt, now);
    const createdBy = await findCreator(caller, { scopes, expiresAt });
    const generated = generateApiKey();
    const key: ApiKeyRow = {
      id: runtime.newId(),
      accountId: caller.accountId,
      createdBy,
      name,
      publicId: generated.id,
      displayPrefix: generated.displayPrefix,
      secretHash: generated.secretHash.toString('hex'),
      previousSecretHash: null,
      previousSecretUntil: null,
      scopes: [...new Set(scopes)],
      limits: limitsToStored(limits),
      createdAt: now,
      updatedAt: now,
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    };
    if (limits.length > 0) {
      const { id: keyId, accountId } = key;
      await setKeyLimits({ accountId, keyId, limits, requestId: request.id });
    }
    await insertApiKey(database, runtime, key, actorOf(caller, request.id));
    logAccess(request, 'api_key.created', { key: key.id, by_user: caller.userId, by_key: caller.keyId });
    reply.code(201);
    return { ...present(key), key: generated.text };
  });

  serveOperation(app, contract.listApiKeys, async ({ caller, query }) => {
    checkMayManageKeys(caller);
    return toPage(await listApiKeys(database, caller.accountId, query), query.limit, present);
  });

  serveOperation(app, contract.getApiKey, async ({ caller, params }) => {
    checkMayManageKeys(caller);
    const key = await findApiKey(database, caller.accountId, params.id);
    if (key === undefined) throw problem('not_found');
    return present(key);
  });

  /** @throws ProblemError if the caller may not change the key, or it does not work any more. */
  async function checkMayChange(caller: Caller, id: string): Promise<ApiKeyRow> {
    checkMayManageKeys(caller);
    const key = await findApiKey(database, caller.accountId, id);
    if (key === undefined) throw problem('not_found');
    if (caller.keyId !== null) await findCreator(caller, key);
    checkIsActive(key, runtime.clock.now());
    return key;
  }

  serveOperation(app, contract.changeApiKey, async (request) => {
    const { caller, params } = request;
    const { name } = request.body;
    const limits = request.body.limits && requestedLimits(request.body.limits);
    const { id, accountId } = await checkMayChange(caller, params.id);
    if (limits !== undefined) {
      await setKeyLimits({ accountId, keyId: id, limits, requestId: request.id });
    }
    const changed = await changeApiKey(
      database,
      runtime,
      { accountId, id },
      {
        action: 'api_key.changed',
        by: actorOf(caller, request.id),
        of: () => ({
          ...(name !== undefined && { name }),
          ...(limits && { limits: limitsToStored(limits) }),
        }),
      },
    );
    if (changed === undefined) throw problem('not_found');
    logAccess(request, 'api_key.changed', { key: id, by_user: caller.userId, by_key: caller.keyId });
    return present(changed);
  });

  serveOperation(app, contract.rotateApiKey, async (request) => {
    const { caller, params } = request;
    const { id, accountId, publicId } = await checkMayChange(caller, params.id);
    const now = runtime.clock.now();
    const overlapMs = request.body.overlap_seconds * 1_000;
    const generated = generateSecret(publicId);
    const rotated = await changeApiKey(
      database,
      runtime,
      { accountId, id },
      {
        action: 'api_key.rotated',
        by: actorOf(caller, request.id),
        of: (key) => {
          checkIsActive(key, now);
          return {
            secretHash: generated.secretHash.toString('hex'),
            previousSecretHash: overlapMs === 0 ? null : key.secretHash,
            previousSecretUntil: overlapMs === 0 ? null : new Date(now.getTime() + overlapMs),
          };
        },
      },
    );
    if (rotated === undefined) throw problem('not_found');
    logAccess(request, 'api_key.rotated', { key: id, by_user: caller.userId, by_key: caller.keyId });
    return { ...present(rotated), key: generated.text };
  });

  serveOperation(app, contract.revokeApiKey, async (request, reply) => {
    const { caller, params } = request;
    checkMayManageKeys(caller);
    const key = { accountId: caller.accountId, id: params.id };
    const outcome = await revokeApiKey(database, runtime, key, actorOf(caller, request.id));
    if (outcome === 'not_found') throw problem('not_found');
    if (outcome === 'revoked') {
      logAccess(request, 'api_key.revoked', { key: key.id, by_user: caller.userId, by_key: caller.keyId });
    }
    return reply.code(204).send();
  });
}

const present = (key: ApiKeyRow): contract.ApiKeyView => ({
  id: key.id,
  name: key.name,
  prefix: key.displayPrefix,
  scopes: key.scopes,
  limits: presentLimits(key.limits),
  created_by: key.createdBy,
  created_at: key.createdAt.toISOString(),
  updated_at: key.updatedAt.toISOString(),
  previous_secret_expires_at: key.previousSecretUntil?.toISOString() ?? null,
  expires_at: key.expiresAt?.toISOString() ?? null,
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
});
