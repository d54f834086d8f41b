import type { FastifyPluginAsync } from 'fastify';
import { Gauge, type Registry } from 'prom-client';
import { priceAdminRoutes } from './admin-routes.ts';
import { countUnpriced } from './admin-store.ts';
import { type PriceRouteOptions, priceRoutes } from './routes.ts';

/** Serves prices to clients, staff and the other services' caches. */
export const pricePlugin: FastifyPluginAsync<PriceRouteOptions & { registry: Registry }> = async (
  app,
  { registry, ...options },
) => {
  priceRoutes(app, options);
  priceAdminRoutes(app, options);
  new Gauge({
    name: 'inkmeter_unpriced_models',
    help: 'Models that a provider lists and that have no price',
    labelNames: ['provider'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { provider, count } of await countUnpriced(options.database)) this.set({ provider }, count);
    },
  });
};
