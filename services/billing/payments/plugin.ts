import type { FastifyPluginAsync } from 'fastify';
import type { HostedDeps } from './hosted.ts';
import { hostedRoutes } from './hosted-routes.ts';
import { repaymentRoutes } from './repayment-routes.ts';
import { paymentRoutes } from './routes.ts';

export { cancelHosted, downgradeHosted, resumeHosted, upgradeHosted } from './change-plan.ts';
export { collectPayment, type PaymentDeps } from './collect.ts';
export { ensureCustomer, type HostedDeps } from './hosted.ts';
export { paymentPageUrl } from './manual/page.ts';

/** Payments: of the caller's account through the provider, and payment requests and repayments for staff. */
export const paymentsPlugin: FastifyPluginAsync<HostedDeps> = async (app, deps) => {
  paymentRoutes(app, deps);
  hostedRoutes(app, deps);
  repaymentRoutes(app, deps);
};
