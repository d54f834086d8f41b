import type { FastifyPluginAsync } from 'fastify';
import { subscriptionAdminRoutes } from './admin-routes.ts';
import { internalRoutes } from './internal-routes.ts';
import { type HostedChanges, type SubscriptionRouteOptions, subscriptionRoutes } from './routes.ts';

export { requireManager } from '#libs/service/require-manager.ts';
export {
  changeInTransaction,
  changeSubscription,
  lockSubscription,
  offeredCatalogue,
  readAccount,
  type SubscriptionDeps,
} from './change.ts';
export { applyLimits } from './decision-store.ts';
export { moveToCatalogue, recomputeLimits } from './rollout.ts';
export { lockAccount } from './state-store.ts';
export { accountExists } from './store.ts';
export type { HostedChanges };

/** Subscriptions of accounts: read, changed by customers and staff, and read by other services. */
export const subscriptionsPlugin: FastifyPluginAsync<SubscriptionRouteOptions> = async (app, options) => {
  subscriptionRoutes(app, options);
  subscriptionAdminRoutes(app, options);
  internalRoutes(app, options);
};
