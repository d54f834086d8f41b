import type { FastifyPluginAsync } from 'fastify';
import { addMeteredRoute } from '../metering/plugin.ts';
import { addCapabilityRoutes } from './capability-routes.ts';
import { generateImagesRoute } from './routes.ts';

/** Image generation, and what the account's plan includes of it. */
export const imagesPlugin: FastifyPluginAsync = async (app) => {
  addMeteredRoute(app, generateImagesRoute);
  addCapabilityRoutes(app, app.metering);
};
