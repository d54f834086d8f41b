import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { moderatedRoute } from '../safety/domain.ts';
import { capabilityRoutes } from './capability-routes.ts';
import { openAiImageRoutes } from './openai-routes.ts';
import { generateImagesRoute } from './routes.ts';

/** Image generation, and what the account's plan includes of it. */
export const imagesPlugin: FastifyPluginAsync<{ now: () => Date }> = async (app, { now }) => {
  meteredRoute(app, moderatedRoute(generateImagesRoute, app.metering.priceBook));
  capabilityRoutes(app, app.metering);
  await app.register(async (compatible) => openAiImageRoutes(compatible, now));
};
