import type { Pool } from 'pg';
import type { ContextSigner } from '#libs/auth/internal-context.ts';
import { createService, type ServiceApp } from '#libs/service/create-service.ts';
import { requireInternalContext } from '#libs/service/internal-calls.ts';
import type { Logger } from '#libs/service/logger.ts';
import type { Metrics } from '#libs/service/metrics.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import type { ServiceConfig } from '#libs/service/variables.ts';
import { createAccounts } from './domain/accounts.ts';
import { internalRoutes } from './routes/internal.ts';
import { planRoutes } from './routes/plans.ts';
import { readAdjustments } from './store/adjustment-store.ts';
import { createCatalogueStore } from './store/catalogue-store.ts';
import { createSubscriptionStore, replaceKeyLimits } from './store/subscription-store.ts';

export type AppDependencies = {
  config: ServiceConfig;
  runtime: Runtime;
  logger: Logger;
  metrics: Metrics;
  pool: Pool;
  signer: Pick<ContextSigner, 'verify'>;
};

export function buildApp({ config, runtime, logger, metrics, pool, signer }: AppDependencies): ServiceApp {
  const { clock } = runtime;
  const app = createService({ config, runtime, logger, metrics, acceptRequestId: true });
  requireInternalContext(app, signer);
  const catalogues = createCatalogueStore(pool);
  const subscriptions = createSubscriptionStore(pool, catalogues);
  const accounts = createAccounts({
    now: clock.now,
    activeCatalogue: catalogues.active,
    catalogueVersion: catalogues.version,
    adjustments: (accountId) => readAdjustments(pool, accountId, clock.now()),
    ...subscriptions,
  });
  planRoutes(app, { clock, accounts });
  internalRoutes(app, {
    clock,
    accounts,
    catalogueSource: catalogues.source,
    async setKeyLimits(accountId, keyId, limits) {
      const { subscription } = await accounts.ensureSubscription(accountId);
      const now = clock.now();
      await subscriptions.applySubscription({
        accountId,
        now,
        decide: (current) => current ?? subscription,
        alongside: (client) => replaceKeyLimits(client, accountId, keyId, limits, now),
      });
    },
  });
  return app;
}
