import type { FastifyInstance } from 'fastify';
import { getInvoice, listInvoices } from '#libs/contracts/billing.ts';
import { datesOf } from '#libs/contracts/page.ts';
import type { Database } from '#libs/db/database.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { presentInvoice } from './domain.ts';
import { findInvoice, listInvoices as list } from './store.ts';

export function invoiceRoutes(app: FastifyInstance, { database }: { database: Database }): void {
  serveOperation(app, listInvoices, async (request) => {
    const { accountId } = callerOf(request);
    const { limit, cursor: after, status } = request.query;
    const cursor = after === undefined ? undefined : await findInvoice(database, accountId, after);
    if (after !== undefined && cursor === undefined)
      throw problem('invalid_request', { detail: 'Unknown cursor.' });
    const filter = { accountId, status, ...datesOf(request.query) };
    const found = await list(database, filter, { limit: limit + 1, cursor });
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    return { data: shown.map(presentInvoice), next_cursor: last?.id ?? null };
  });

  serveOperation(app, getInvoice, async (request) => {
    const row = await findInvoice(database, callerOf(request).accountId, request.params.id);
    if (row === undefined) throw problem('not_found');
    return presentInvoice(row);
  });
}
