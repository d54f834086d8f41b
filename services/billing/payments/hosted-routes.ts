import type { FastifyInstance } from 'fastify';
import {
  cancelBilling,
  getUpcomingInvoice,
  type InvoicePreviewWire,
  listPaymentMethods,
  openPortal,
  type ProviderSubscriptionWire,
  pauseBilling,
  previewBilling,
  resumeBilling,
  setSeats,
  showPaymentPage,
  startCheckout,
} from '#libs/contracts/billing.ts';
import { problem } from '#libs/problems/problems.ts';
import { callerOf } from '#libs/service/internal-calls.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { requireManager } from '../subscriptions/plugin.ts';
import { cancelHosted } from './change-plan.ts';
import { changeSeats } from './change-seats.ts';
import { allowedUrl, startCheckout as start } from './checkout.ts';
import { callProvider, type HostedDeps, requestChange, requireRunning } from './hosted.ts';
import { cancelManually, changeSeatsManually, setPausedManually, upcomingInvoice } from './manual/changes.ts';
import { openPaymentPage, requestCheckout } from './manual/checkout.ts';
import { paymentPage } from './manual/page.ts';
import { findPageBrand } from './manual/page-brand.ts';
import { presentPreview, previewPrice } from './preview.ts';
import { findRequestsById } from './store.ts';
import { findCountingSubscription, findCustomer, findStripeSubscription } from './stripe/store.ts';

/** The only way to pay without a provider. */
const BANK_TRANSFER = {
  id: 'bank_transfer',
  kind: 'bank_transfer',
  ...{ brand: null, last4: null, exp_month: null, exp_year: null },
  is_default: true,
};

/** Payments of the caller's own account, on pages of the provider and through its subscription there. */
export function hostedRoutes(app: FastifyInstance, deps: HostedDeps): void {
  const { database } = deps;

  serveOperation(app, startCheckout, async (request) => {
    const { accountId, by } = requireManager(request);
    const { plan, cycle, seats, trial, success_url: successUrl, cancel_url: cancelUrl } = request.body;
    const choice = { plan, cycle, seats, trial, successUrl, cancelUrl };
    const { url, expiresAt } =
      deps.payments.hosted === null
        ? await requestCheckout(deps, accountId, { ...choice, by })
        : await start(deps, accountId, choice);
    return { url, expires_at: expiresAt.toISOString() };
  });

  serveOperation(app, openPortal, async (request) => {
    const { accountId } = requireManager(request);
    const { hosted } = deps.payments;
    if (hosted === null) return { url: await openPaymentPage(deps, accountId) };
    const customerId = await findCustomer(database, accountId);
    if (customerId === undefined) {
      throw problem('conflict', {
        detail: 'The account has paid nothing yet. Start with POST /api/billing/checkout.',
      });
    }
    const returnUrl = allowedUrl(deps, request.body?.return_url, '/billing');
    const idempotencyKey = `portal-${request.id}`;
    return { url: await callProvider(() => hosted.openPortal({ customerId, returnUrl, idempotencyKey })) };
  });

  serveOperation(app, showPaymentPage, async (request, reply) => {
    const [found] = await findRequestsById(database, request.params.id);
    if (found === undefined) throw problem('not_found');
    const { html, policy } = paymentPage(found, await findPageBrand(deps, found.accountId));
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', policy)
      .send(html);
  });

  serveOperation(app, previewBilling, async (request): Promise<InvoicePreviewWire> => {
    const { accountId } = callerOf(request);
    return previewPrice(deps, accountId, request.query);
  });

  serveOperation(app, getUpcomingInvoice, async (request) => {
    const { accountId } = callerOf(request);
    const running = await findCountingSubscription(database, accountId);
    const { hosted } = deps.payments;
    if (running === undefined || hosted === null) return { invoice: await upcomingInvoice(deps, accountId) };
    const preview = await callProvider(() => hosted.previewUpcoming(running.id));
    return { invoice: preview === null ? null : presentPreview(preview) };
  });

  serveOperation(app, listPaymentMethods, async (request) => {
    const { accountId } = callerOf(request);
    const { hosted } = deps.payments;
    if (hosted === null) return { data: [BANK_TRANSFER], next_cursor: null };
    const customerId = await findCustomer(database, accountId);
    if (customerId === undefined) return { data: [], next_cursor: null };
    const cards = await callProvider(() => hosted.listCards(customerId));
    const data = cards.map(({ id, kind, brand, last4, expMonth, expYear, isDefault }) => ({
      id,
      kind,
      brand,
      last4,
      exp_month: expMonth,
      exp_year: expYear,
      is_default: isDefault,
    }));
    return { data, next_cursor: null };
  });

  serveOperation(app, setSeats, async (request) => {
    const { accountId, by } = requireManager(request);
    const { seats: quantity } = request.body;
    if (deps.payments.hosted === null) return changeSeatsManually(deps, accountId, { seats: quantity, by });
    const running = await requireRunning(deps, accountId);
    await changeSeats(deps, running, { accountId, by, quantity });
    return stateOf(deps, accountId, running.id);
  });

  serveOperation(app, cancelBilling, async (request) => {
    const { accountId, by } = requireManager(request);
    const when = request.body?.when ?? 'period_end';
    if (deps.payments.hosted === null) return cancelManually(deps, accountId, { by, when });
    const running = await requireRunning(deps, accountId);
    await cancelHosted(deps, accountId, { by, when });
    return stateOf(deps, accountId, running.id);
  });

  for (const [operation, isPaused] of [
    [pauseBilling, true],
    [resumeBilling, false],
  ] as const) {
    serveOperation(app, operation, async (request) => {
      const { accountId, by } = requireManager(request);
      const { hosted } = deps.payments;
      if (hosted === null) return setPausedManually(deps, accountId, { isPaused, by });
      const running = await requireRunning(deps, accountId);
      if (running.isPaused !== isPaused) {
        const change = { accountId, by, kind: 'pause', terms: { paused: isPaused } };
        await requestChange(deps, running, change, (keyed) => hosted.setPaused({ ...keyed, isPaused }));
      }
      return stateOf(deps, accountId, running.id);
    });
  }
}

async function stateOf(
  { database }: HostedDeps,
  accountId: string,
  id: string,
): Promise<ProviderSubscriptionWire> {
  const row = await findStripeSubscription(database, id);
  if (row?.accountId !== accountId) throw problem('not_found');
  return {
    status: row.status,
    seats: row.quantity > 1 ? row.quantity : null,
    scheduled_seats: row.scheduledQuantity,
    paused: row.isPaused,
    cancel_at: row.cancelAt?.toISOString() ?? null,
    current_period: { start: row.currentPeriodStart.toISOString(), end: row.currentPeriodEnd.toISOString() },
  };
}
