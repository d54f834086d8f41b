import type { FastifyInstance } from 'fastify';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import { createFreshCache } from '#libs/service/fresh-cache.ts';
import type { Clock } from '#libs/service/runtime.ts';
import { tagsOfApiKey } from './api-key-authenticator.ts';
import { changeTag, isIdentityChange } from './change-tag.ts';
import { tagsOfWorkspace } from './enter-workspace.ts';
import { tagsOfSessionToken } from './session-authenticator.ts';
import { tagsOfToken } from './token-authenticator.ts';

/** Entries of each cache; an entry takes some hundred bytes. */
const MAX_CACHE_ENTRIES = 50_000;
const CACHE_TTL_MS = 60_000;
/** While notifications may be lost, a revoked key must still stop working within a second. */
const UNCONFIRMED_CACHE_TTL_MS = 1_000;

/** Caches of API keys, tokens and workspaces, invalidated by notifications while the app runs. */
export function createCallerCaches(app: FastifyInstance, clock: Clock, listener: Listener) {
  let isSubscribed = false;
  let unsubscribe = () => {};
  const freshness = {
    clock,
    maxEntries: MAX_CACHE_ENTRIES,
    maxAgeMs: CACHE_TTL_MS,
    isTrusted: () => isSubscribed && listener.isConnected(),
    uncertainAgeMs: UNCONFIRMED_CACHE_TTL_MS,
  };
  const caches = {
    apiKeys: createFreshCache({ ...freshness, tagsOf: tagsOfApiKey }),
    sessionTokens: createFreshCache({ ...freshness, tagsOf: tagsOfSessionToken }),
    tokens: createFreshCache({ ...freshness, tagsOf: tagsOfToken }),
    workspaces: createFreshCache({ ...freshness, tagsOf: tagsOfWorkspace }),
  };
  const all = Object.values(caches);

  app.addHook('onReady', async () => {
    unsubscribe = await listener.listen(
      [CHANGES_CHANNEL],
      (_channel, payload) => {
        const change = parseChange(payload);
        if (change === null || !isIdentityChange(change)) return;
        for (const cache of all) cache.drop(changeTag(change));
      },
      () => {
        for (const cache of all) cache.clear();
      },
    );
    isSubscribed = true;
  });
  app.addHook('onClose', () => unsubscribe());
  return caches;
}
