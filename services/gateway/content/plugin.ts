import type { FastifyPluginAsync } from 'fastify';
import { meteredRoute } from '../metering/plugin.ts';
import { generateContentRoute } from './routes.ts';

export const contentPlugin: FastifyPluginAsync = async (app) => {
  meteredRoute(app, generateContentRoute);
};
