import type { FastifyPluginAsync } from 'fastify';
import type { SubscriptionDeps } from '../subscriptions/plugin.ts';
import { flagRoutes } from './flags/routes.ts';
import { guardRailRoutes } from './guard-rails/routes.ts';
import { overrideRoutes } from './overrides/routes.ts';
import { segmentRoutes } from './segments/routes.ts';

/** Adjustments of staff to the plans: overrides, segments, feature flags and guard rails. */
export const adjustmentsPlugin: FastifyPluginAsync<SubscriptionDeps> = async (app, deps) => {
  overrideRoutes(app, deps);
  segmentRoutes(app, deps);
  flagRoutes(app, deps);
  guardRailRoutes(app, deps);
};
