import type { FastifyPluginAsync } from 'fastify';
import { Gauge, type Registry } from 'prom-client';
import { exportRoutes } from './export-routes.ts';
import { requestRoutes } from './routes.ts';
import { type UnresolvedRouteOptions, unresolvedRoutes } from './unresolved-routes.ts';
import { countUnresolved } from './unresolved-store.ts';

/** Lists and exports provider calls, explains single requests, and lets staff correct calls of unknown outcome. */
export const requestPlugin: FastifyPluginAsync<UnresolvedRouteOptions & { registry: Registry }> = async (
  app,
  { registry, ...options },
) => {
  requestRoutes(app, options);
  exportRoutes(app, options);
  unresolvedRoutes(app, options);
  new Gauge({
    name: 'inkmeter_unresolved_calls',
    help: 'Calls of unknown outcome that count at their bound and are not corrected yet',
    registers: [registry],
    async collect() {
      this.set(await countUnresolved(options.database));
    },
  });
};
