import type { FastifyPluginAsync } from 'fastify';
import type { SubscriptionDeps } from '../subscriptions/plugin.ts';
import { trialRoutes } from './routes.ts';

/** Trials of plans. */
export const trialsPlugin: FastifyPluginAsync<SubscriptionDeps> = async (app, deps) => {
  trialRoutes(app, deps);
};
