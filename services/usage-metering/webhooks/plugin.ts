import type { FastifyPluginAsync } from 'fastify';
import { deliveryRoutes } from './delivery-routes.ts';
import { endpointRoutes, type WebhookRouteOptions } from './routes.ts';

export { webhookChannel } from './channel.ts';
export { webhookTargets } from './targets.ts';

/** Addresses at which accounts receive events, by Standard Webhooks. */
export const webhookPlugin: FastifyPluginAsync<WebhookRouteOptions> = async (app, options) => {
  endpointRoutes(app, options);
  deliveryRoutes(app, options);
};
