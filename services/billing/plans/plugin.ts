import type { FastifyPluginAsync } from 'fastify';
import type { SubscriptionDeps } from '../subscriptions/plugin.ts';
import { planRoutes } from './routes.ts';

/** The offered plans, and what an account's own plan allows. */
export const plansPlugin: FastifyPluginAsync<SubscriptionDeps> = async (app, deps) => {
  planRoutes(app, deps);
};
