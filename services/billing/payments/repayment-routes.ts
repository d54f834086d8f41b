import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { creditInvoice, refundInvoice } from '#libs/contracts/billing-provider-admin.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { HostedDeps } from './hosted.ts';
import { repay } from './repay.ts';

export function repaymentRoutes(app: FastifyInstance, deps: HostedDeps): void {
  for (const [operation, kind] of [
    [refundInvoice, 'refund'],
    [creditInvoice, 'credit_note'],
  ] as const) {
    serveOperation(app, operation, (request) => {
      const { invoice_id: invoiceId, amount_minor: amountMinor, reason } = request.body;
      return repay(deps, { kind, invoiceId, amountMinor, reason, by: actorOf(request) });
    });
  }
}
