import type { FastifyPluginAsync } from 'fastify';
import type { Database } from '#libs/db/database.ts';
import { invoiceRoutes } from './routes.ts';

/** The invoices of an account, as the payment provider wrote them. */
export const invoicesPlugin: FastifyPluginAsync<{ database: Database }> = async (app, options) => {
  invoiceRoutes(app, options);
};
