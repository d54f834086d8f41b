/** Wires everything about who calls: stores, authentication, limits on calling, and the routes that manage it. */
import type { Pool } from 'pg';
import type { QuotaResources } from '#libs/clients/quota-resources.ts';
import type { Listener } from '#libs/db/listen.ts';
import { CHANGES_CHANNEL, parseChange } from '#libs/db/notify.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import { createFreshCache } from '#libs/service/fresh-cache.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { createDatabase } from '../accounts/database.ts';
import { registerMe } from '../accounts/routes.ts';
import { createPeopleStore } from '../accounts/users-store.ts';
import { createLastUse } from '../api-keys/last-use.ts';
import { registerApiKeys } from '../api-keys/routes.ts';
import { createApiKeyStore } from '../api-keys/store.ts';
import type { GatewayConfig } from '../config.ts';
import { registerMembers } from '../members/routes.ts';
import { createMemberStore } from '../members/store.ts';
import { addRateLimits } from '../rate-limits/plugin.ts';
import { createEnterWorkspace, tagsOfWorkspace } from '../workspaces/enter-workspace.ts';
import { registerWorkspaces } from '../workspaces/routes.ts';
import { createWorkspaceStore } from '../workspaces/store.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createApiKeyAuthenticator, tagsOfApiKey } from './api-key-authenticator.ts';
import { addAuthentication } from './authenticate.ts';
import { changeTag, isIdentityChange } from './change-tag.ts';
import { createExternalIssuer } from './external-issuer.ts';
import { registerJwks } from './jwks-routes.ts';
import type { SetKeyLimits } from './ports.ts';
import { registerAuth } from './routes.ts';
import { createSessionStore } from './sessions-store.ts';
import { createTokenAuthenticator, tagsOfToken } from './token-authenticator.ts';

export type IdentityDependencies = {
  config: GatewayConfig;
  runtime: Runtime;
  logger: Logger;
  pool: Pool;
  listener: Listener;
  setKeyLimits: SetKeyLimits;
  quotaResources: QuotaResources;
};

/** API keys and tokens remembered at most; an entry is some hundred bytes. */
const MAX_CACHE_ENTRIES = 50_000;
const CACHE_TTL_MS = 60_000;
/** While notifications may be getting lost, a revoked key must still stop working within a second. */
const UNCONFIRMED_CACHE_TTL_MS = 1_000;
const LAST_USE_INTERVAL_MS = 10_000;
const PURGE_INTERVAL_MS = 60 * 60 * 1000;

/** @returns the jobs that identity needs while the service runs. */
export async function addIdentity(
  app: ServiceApp,
  dependencies: IdentityDependencies,
): Promise<PeriodicJob[]> {
  const { config, runtime, logger, pool, listener, setKeyLimits, quotaResources } = dependencies;
  const { clock } = runtime;
  const db = createDatabase(pool);
  const people = createPeopleStore(pool, runtime);
  const sessions = createSessionStore(db, runtime, config);
  const keyStore = createApiKeyStore(db, clock);
  const lastUse = createLastUse(clock, keyStore);

  let isSubscribed = false;
  let unsubscribe = () => {};
  const freshness = {
    clock,
    maxEntries: MAX_CACHE_ENTRIES,
    maxAgeMs: CACHE_TTL_MS,
    isTrusted: () => isSubscribed && listener.isConnected(),
    uncertainAgeMs: UNCONFIRMED_CACHE_TTL_MS,
  };
  const keyCache = createFreshCache({ ...freshness, tagsOf: tagsOfApiKey });
  const tokenCache = createFreshCache({ ...freshness, tagsOf: tagsOfToken });
  const workspaceCache = createFreshCache({ ...freshness, tagsOf: tagsOfWorkspace });
  const caches = [keyCache, tokenCache, workspaceCache];
  const workspaces = createWorkspaceStore(pool, quotaResources);

  app.addHook('onReady', async () => {
    unsubscribe = await listener.listen(
      [CHANGES_CHANNEL],
      (_channel, payload) => {
        const change = parseChange(payload);
        if (change === null || !isIdentityChange(change)) return;
        for (const cache of caches) cache.drop(changeTag(change));
      },
      () => {
        for (const cache of caches) cache.clear();
      },
    );
    isSubscribed = true;
  });
  app.addHook('onClose', async () => {
    unsubscribe();
    await lastUse.flush();
  });

  const accessTokens = createAccessTokens(app, clock, config.accessTokens);
  const externalIssuer =
    config.externalIssuer === null ? null : createExternalIssuer(config.externalIssuer, clock);
  addAuthentication(app, {
    tokens: createTokenAuthenticator({ clock, people, accessTokens, externalIssuer, cache: tokenCache }),
    apiKeys: createApiKeyAuthenticator({ clock, store: keyStore, cache: keyCache, onUse: lastUse.note }),
    enterWorkspace: createEnterWorkspace({ store: workspaces, cache: workspaceCache }),
  });
  const throttles = await addRateLimits(app, config.rateLimits);

  registerAuth(app, {
    people,
    sessions,
    signAccessToken: accessTokens.sign,
    throttles,
    accessTokenTtlMs: config.accessTokens.ttlMs,
    refreshTokenTtlMs: config.refreshTokenTtlMs,
  });
  registerMe(app, { people, throttles });
  registerJwks(app, config.accessTokens.keys);
  registerApiKeys(app, { runtime, store: keyStore, setKeyLimits });
  registerMembers(app, { pool, store: createMemberStore(pool, runtime, quotaResources), quotaResources });
  registerWorkspaces(app, { pool, runtime, store: workspaces, quotaResources });

  return [
    createPeriodicJob({
      name: 'note last use of API keys',
      intervalMs: LAST_USE_INTERVAL_MS,
      logger,
      run: lastUse.flush,
    }),
    createPeriodicJob({
      name: 'purge refresh tokens',
      intervalMs: PURGE_INTERVAL_MS,
      logger,
      run: async () => {
        const count = await sessions.purge();
        if (count > 0) logger.info({ count }, 'purged expired refresh tokens');
      },
    }),
  ];
}
