import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { createModerationRoute } from './routes.ts';

/** OpenAI-compatible moderations. */
export const moderationsPlugin: FastifyPluginAsync = async (app) => {
  meteredRoute(app, createModerationRoute);
};
