import type { FastifyPluginAsync } from 'fastify';
import type { Database } from '#libs/db/database.ts';
import { auditRoutes } from './routes.ts';

export type AuditOptions = { database: Database };

/** Serves the audit log to staff. */
export const auditPlugin: FastifyPluginAsync<AuditOptions> = async (app, options) => {
  auditRoutes(app, options);
};
