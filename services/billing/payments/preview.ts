/** What a plan or seats cost now: the provider's figures where it renews the subscription, else the price. */
import type { InvoicePreviewWire } from '#libs/contracts/billing.ts';
import { choosePlan, priceMinorOf } from '../plans/domain/offer.ts';
import type { Cycle } from '../subscriptions/domain/period.ts';
import { planChangeOf } from '../subscriptions/domain/plan-change.ts';
import { directionRefusal, refusalProblem } from '../subscriptions/domain/refusal.ts';
import { offeredCatalogue, readAccount } from '../subscriptions/plugin.ts';
import { callProvider, type HostedDeps, priceOf } from './hosted.ts';
import type { InvoicePreview } from './port.ts';
import { findCountingSubscription } from './stripe/store.ts';

export type PreviewQuery = {
  plan?: string | undefined;
  cycle?: Cycle | undefined;
  seats?: number | undefined;
};

export async function previewPrice(
  deps: HostedDeps,
  accountId: string,
  query: PreviewQuery,
): Promise<InvoicePreviewWire> {
  const { database, runtime, payments } = deps;
  const { subscription, sold } = await readAccount(deps, accountId);
  const offered = await offeredCatalogue(deps);
  const target = choosePlan(offered.catalogue, query.plan ?? subscription.planKey);
  const now = runtime.clock.now();
  const running = await findCountingSubscription(database, accountId);
  if (running !== undefined && payments.hosted !== null) {
    const { hosted } = payments;
    const cycle = query.cycle ?? subscription.cycle;
    const isSame = target.key === running.planKey && cycle === running.cycle;
    const priceId = isSame ? running.priceId : await priceOf(deps, { planKey: target.key, cycle });
    const quantity = query.seats ?? running.quantity;
    const change = { subscriptionId: running.id, priceId, quantity, at: now };
    return presentPreview(await callProvider(() => hosted.previewChange(change)));
  }
  const change = planChangeOf({ subscription, sold, offered, target, cycle: query.cycle, now });
  const price = priceMinorOf(target, change.cycle);
  if (price === null) throw refusalProblem(directionRefusal(change, 'upgrade'));
  const amount = price * (query.seats ?? 1);
  const { currency } = offered.catalogue;
  return {
    currency,
    subtotal_minor: amount,
    total_minor: amount,
    amount_due_minor: amount,
    proration_at: null,
    lines: [],
  };
}

export function presentPreview(preview: InvoicePreview): InvoicePreviewWire {
  return {
    currency: preview.currency,
    subtotal_minor: preview.subtotalMinor,
    total_minor: preview.totalMinor,
    amount_due_minor: preview.dueMinor,
    proration_at: preview.prorationAt.toISOString(),
    lines: preview.lines.map(({ description, amountMinor, quantity, periodStart, periodEnd, proration }) => ({
      description,
      amount_minor: amountMinor,
      quantity,
      period: { start: periodStart.toISOString(), end: periodEnd.toISOString() },
      proration,
    })),
  };
}
