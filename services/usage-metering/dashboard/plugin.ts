import type { FastifyPluginAsync } from 'fastify';
import { readAccount } from '../usage/plugin.ts';
import { breakdownRoutes } from './breakdown-routes.ts';
import { type DashboardRouteOptions, dashboardRoutes } from './routes.ts';

/** Usage for charts: dashboard, trends, breakdowns, performance, projections. */
export const dashboardPlugin: FastifyPluginAsync<Omit<DashboardRouteOptions, 'readAccount'>> = async (
  app,
  options,
) => {
  const { database, clock, entitlements } = options;
  dashboardRoutes(app, { ...options, readAccount: (...query) => readAccount(options, ...query) });
  breakdownRoutes(app, { database, clock, entitlements });
};
