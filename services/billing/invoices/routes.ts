import type { FastifyInstance } from 'fastify';
import { getInvoice, listInvoices } from '#libs/contracts/billing.ts';
import { datesOf } from '#libs/contracts/page.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { type InvoiceDeps, readInvoice, readInvoices } from './read.ts';

export function invoiceRoutes(app: FastifyInstance, deps: InvoiceDeps): void {
  serveOperation(app, listInvoices, async (request) => {
    const { accountId } = callerOf(request);
    const { limit, cursor, status } = request.query;
    const filter = { accountId, status, ...datesOf(request.query) };
    const after = cursor === undefined ? undefined : await positionOf(deps, accountId, cursor);
    const found = await readInvoices(deps, filter, { limit: limit + 1, cursor: after });
    const data = found.slice(0, limit);
    const last = found.length > limit ? data.at(-1) : undefined;
    return { data, next_cursor: last?.id ?? null };
  });

  serveOperation(app, getInvoice, async (request) => {
    const invoice = await readInvoice(deps, callerOf(request).accountId, request.params.id);
    if (invoice === undefined) throw problem('not_found');
    return invoice;
  });
}

async function positionOf(deps: InvoiceDeps, accountId: string, id: string) {
  const invoice = await readInvoice(deps, accountId, id);
  if (invoice === undefined) throw problem('invalid_request', { detail: 'Unknown cursor.' });
  return { id, createdAt: new Date(invoice.created_at) };
}
