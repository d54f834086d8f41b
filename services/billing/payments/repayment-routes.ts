import type { FastifyInstance } from 'fastify';
import { actorOf } from '#libs/audit/request-actor.ts';
import { creditInvoice, refundInvoice } from '#libs/contracts/billing-provider-admin.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import type { HostedDeps } from './hosted.ts';
import { refundManually } from './manual/refund.ts';
import { repay } from './repay.ts';
import { findManualRequest } from './store.ts';

export function repaymentRoutes(app: FastifyInstance, deps: HostedDeps): void {
  for (const [operation, kind] of [
    [refundInvoice, 'refund'],
    [creditInvoice, 'credit_note'],
  ] as const) {
    serveOperation(app, operation, async (request) => {
      const { invoice_id: invoiceId, amount_minor: amountMinor, reason } = request.body;
      const idempotencyKey = request.headers['idempotency-key'];
      const repayment = { kind, invoiceId, amountMinor, reason, by: actorOf(request), idempotencyKey };
      const paid = await findManualRequest(deps.database, invoiceId);
      return paid === undefined ? repay(deps, repayment) : refundManually(deps, paid, repayment);
    });
  }
}
