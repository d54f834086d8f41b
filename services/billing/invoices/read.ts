/** Invoices of the payment provider and requests of manual payments, as one list. */
import { findPlan } from '#libs/catalogue/plans.ts';
import type { InvoiceWire } from '#libs/contracts/billing.ts';
import type { PaymentRequest } from '../payments/domain.ts';
import { type HostedDeps, paymentPageUrl } from '../payments/plugin.ts';
import { newestFirst, presentInvoice, presentRequestInvoice } from './domain.ts';
import { findRequest, listRequests, refundedOfRequests } from './request-store.ts';
import {
  findInvoice,
  type InvoiceFilter,
  type InvoicePage,
  listInvoices,
  refundedOfInvoices,
} from './store.ts';

export type InvoiceDeps = Pick<HostedDeps, 'database' | 'catalogues' | 'runtime' | 'apiUrl'>;

/** Newest first. */
export async function readInvoices(
  deps: InvoiceDeps,
  filter: InvoiceFilter,
  page: InvoicePage,
): Promise<InvoiceWire[]> {
  const { database, runtime } = deps;
  const { accountId } = filter;
  const rows = await listInvoices(database, filter, page);
  const refunded = await refundedOfInvoices(
    database,
    accountId,
    rows.map(({ id }) => id),
  );
  const requests = await listRequests(database, filter, page, runtime.clock.now());
  return newestFirst([
    ...rows.map((row) => presentInvoice(row, { refundedMinor: refunded.get(row.id) ?? 0 })),
    ...(await presentRequests(deps, accountId, requests)),
  ]).slice(0, page.limit);
}

/** Another account's invoice is not found. */
export async function readInvoice(
  deps: InvoiceDeps,
  accountId: string,
  id: string,
): Promise<InvoiceWire | undefined> {
  const { database } = deps;
  const row = await findInvoice(database, accountId, id);
  if (row !== undefined) {
    const refunded = await refundedOfInvoices(database, accountId, [id]);
    return presentInvoice(row, { refundedMinor: refunded.get(id) ?? 0 });
  }
  const request = await findRequest(database, accountId, id);
  if (request === undefined) return undefined;
  const [invoice] = await presentRequests(deps, accountId, [request]);
  return invoice;
}

async function presentRequests(
  deps: InvoiceDeps,
  accountId: string,
  requests: readonly PaymentRequest[],
): Promise<InvoiceWire[]> {
  const { database, catalogues, runtime } = deps;
  const ids = requests.map(({ id }) => id);
  const refunded = await refundedOfRequests(database, accountId, ids);
  const now = runtime.clock.now();
  const presented: InvoiceWire[] = [];
  for (const request of requests) {
    const { id, planKey, catalogueVersionId } = request;
    const { catalogue } = await catalogues.version(database, catalogueVersionId);
    const planName = findPlan(catalogue, planKey)?.name ?? planKey;
    const url = paymentPageUrl(deps, id);
    presented.push(
      presentRequestInvoice(request, { planName, url, now, refundedMinor: refunded.get(id) ?? 0 }),
    );
  }
  return presented;
}
