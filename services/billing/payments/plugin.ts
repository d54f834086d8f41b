import type { FastifyPluginAsync } from 'fastify';
import type { PaymentDeps } from './collect.ts';
import { paymentRoutes } from './routes.ts';

export { collectPayment, type PaymentDeps } from './collect.ts';

/** Payment requests of all accounts, for staff. */
export const paymentsPlugin: FastifyPluginAsync<PaymentDeps> = async (app, deps) => {
  paymentRoutes(app, deps);
};
