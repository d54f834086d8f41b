import type { FastifyPluginAsync } from 'fastify';
import { addMeteredRoute } from '../metering/plugin.ts';
import { generateContentRoute } from './routes.ts';

export const contentPlugin: FastifyPluginAsync = async (app) => {
  addMeteredRoute(app, generateContentRoute);
};
