/** Wires what accounts publish and know: connections to social networks, posts, knowledge-base files. */
import type { Pool } from 'pg';
import type { AccountEntitlements } from '#libs/clients/account-entitlements.ts';
import { createQuotaResources } from '#libs/clients/quota-resources.ts';
import type { Ledger } from '#libs/ledger/ledger.ts';
import type { ServiceApp } from '#libs/service/create-service.ts';
import type { Logger } from '#libs/service/logger.ts';
import { createPeriodicJob, type PeriodicJob } from '#libs/service/periodic-job.ts';
import type { Runtime } from '#libs/service/runtime.ts';
import { kbFileRoutes } from '../knowledge-base/routes.ts';
import { createKbFileStore } from '../knowledge-base/store.ts';
import { socialConnectionRoutes } from './connection-routes.ts';
import { createSocialConnectionStore } from './connections-store.ts';
import { createPublishDue } from './jobs.ts';
import type { ClaimedPost, PostPublisher } from './ports.ts';
import { socialPostRoutes } from './post-routes.ts';
import { createSocialPostStore } from './posts-store.ts';
import { publishClaimed } from './publishing.ts';

export type SocialDependencies = {
  runtime: Runtime;
  logger: Logger;
  pool: Pool;
  ledger: Ledger;
  entitlements: Pick<AccountEntitlements, 'get' | 'suggestPlans' | 'listen'>;
  publisher: PostPublisher;
};

const PUBLISH_INTERVAL_MS = 1_000;

/** Behind `requireInternalContext`. @returns the jobs that publishing needs while the service runs. */
export function addSocialRoutes(app: ServiceApp, dependencies: SocialDependencies): PeriodicJob[] {
  const { runtime, logger, pool, ledger, entitlements, publisher } = dependencies;
  const { clock } = runtime;
  const quotaResources = createQuotaResources({ ledger, entitlements, runtime });
  const connections = createSocialConnectionStore(pool, quotaResources);
  const posts = createSocialPostStore(pool, quotaResources);
  const publish = (post: ClaimedPost) => publishClaimed(post, { store: posts, publisher, now: clock.now });

  let stopListening = () => {};
  app.addHook('onReady', async () => {
    stopListening = await entitlements.listen();
  });
  app.addHook('onClose', () => stopListening());

  const shared = { pool, runtime, entitlements, quotaResources };
  socialConnectionRoutes(app, { ...shared, publisher, store: connections });
  socialPostRoutes(app, { ...shared, publish, store: posts, findConnections: connections.find });
  kbFileRoutes(app, { ...shared, store: createKbFileStore(pool, quotaResources) });

  return [
    createPeriodicJob({
      name: 'publish posts that are due',
      intervalMs: PUBLISH_INTERVAL_MS,
      logger,
      run: createPublishDue({ clock, claimDue: posts.claimDue, publish }),
    }),
  ];
}
