import { generateApiKey } from '#libs/auth/api-key.ts';
import * as contract from '#libs/contracts/api-keys.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { toPage } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { audit } from '../auth/access-log.ts';
import { requirePerson } from '../auth/domain.ts';
import type { ApiKeyRecord, ApiKeyStore, SetKeyLimits } from '../auth/ports.ts';
import { checkMayManageKeys, checkPassedOn, limitAmounts } from './domain.ts';

export type ApiKeyDependencies = { runtime: Runtime; store: ApiKeyStore; setKeyLimits: SetKeyLimits };

/** Credentials that act for an account. */
export function registerApiKeys(app: ServiceApp, { runtime, store, setKeyLimits }: ApiKeyDependencies): void {
  /** The person in whose name a key is created: of a key that creates keys, whoever created that one. */
  async function creatorOf(
    caller: Caller,
    child: Pick<ApiKeyRecord, 'expiresAt'> & Parameters<typeof checkPassedOn>[1],
  ): Promise<string> {
    if (caller.keyId === null) return requirePerson(caller);
    const parent = await store.find(caller.accountId, caller.keyId);
    if (parent === null) throw problem('not_found');
    checkPassedOn(parent, child);
    return parent.createdBy;
  }

  serveOperation(app, contract.createApiKey, async (request, reply) => {
    const { caller } = request;
    checkMayManageKeys(caller);
    const { name, scopes, limits, expires_at } = request.body;
    const now = runtime.clock.now();
    const expiresAt = expires_at === undefined ? null : new Date(expires_at);
    if (expiresAt !== null && expiresAt <= now) {
      throw problem('semantic_error', {
        detail: 'expires_at lies in the past.',
        fields: { param: 'expires_at' },
      });
    }
    const createdBy = await creatorOf(caller, { scopes, expiresAt });
    const generated = generateApiKey();
    const key: ApiKeyRecord = {
      id: runtime.newId(),
      accountId: caller.accountId,
      createdBy,
      name,
      publicId: generated.id,
      displayPrefix: generated.displayPrefix,
      secretHash: generated.secretHash.toString('hex'),
      scopes: [...new Set(scopes)],
      limits,
      createdAt: now,
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    };
    if (limits.length > 0) {
      const { id: keyId, accountId } = key;
      await setKeyLimits({ accountId, keyId, limits: limitAmounts(limits), requestId: request.id });
    }
    await store.insert(key);
    audit(request, 'api_key.created', { key: key.id, by_user: caller.userId, by_key: caller.keyId });
    reply.code(201);
    return { ...present(key), key: generated.text };
  });

  serveOperation(app, contract.listApiKeys, async (request) => {
    checkMayManageKeys(request.caller);
    const { query, caller } = request;
    return toPage(await store.list(caller.accountId, query), query.limit, present);
  });

  serveOperation(app, contract.getApiKey, async (request) => {
    checkMayManageKeys(request.caller);
    const key = await store.find(request.caller.accountId, request.params.id);
    if (key === null) throw problem('not_found');
    return present(key);
  });

  serveOperation(app, contract.revokeApiKey, async (request, reply) => {
    const { caller } = request;
    checkMayManageKeys(caller);
    const { id } = request.params;
    if (await store.revoke(caller.accountId, id)) {
      audit(request, 'api_key.revoked', { key: id, by_user: caller.userId, by_key: caller.keyId });
    }
    return reply.code(204).send();
  });
}

const present = (key: ApiKeyRecord): contract.ApiKeyView => ({
  id: key.id,
  name: key.name,
  prefix: key.displayPrefix,
  scopes: key.scopes,
  limits: key.limits,
  created_by: key.createdBy,
  created_at: key.createdAt.toISOString(),
  expires_at: key.expiresAt?.toISOString() ?? null,
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
});
