import type { FastifyPluginAsync } from 'fastify';
import type { InvoiceDeps } from './read.ts';
import { invoiceRoutes } from './routes.ts';

/** The invoices of an account: those of the payment provider, and its manual payments. */
export const invoicesPlugin: FastifyPluginAsync<InvoiceDeps> = async (app, deps) => {
  invoiceRoutes(app, deps);
};
