import type { FastifyPluginAsync } from 'fastify';
import type { OutcomeDeps } from './agreements.ts';
import { outcomeRoutes } from './routes.ts';

/** Outcome-based billing: fees that are payable as far as an agreed goal was reached. */
export const outcomesPlugin: FastifyPluginAsync<OutcomeDeps> = async (app, deps) => {
  outcomeRoutes(app, deps);
};
