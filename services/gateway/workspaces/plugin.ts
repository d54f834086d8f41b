import type { FastifyPluginAsync } from 'fastify';
import { type WorkspaceRoutesOptions, workspaceRoutes } from './routes.ts';

export const workspacesPlugin: FastifyPluginAsync<WorkspaceRoutesOptions> = async (app, options) => {
  workspaceRoutes(app, options);
};
