/** What a plan or seats cost now: the provider's figures where it renews the subscription, else the price. */
import type { InvoicePreviewWire } from '#libs/contracts/billing.ts';
import { choosePlan, priceMinorOf } from '../plans/domain/offer.ts';
import { type Cycle, MONTHS_PER_CYCLE, periodAt } from '../subscriptions/domain/period.ts';
import {
  type PlanChange,
  type Proration,
  paidMinorOf,
  planChangeOf,
  seatChangeOf,
} from '../subscriptions/domain/plan-change.ts';
import { directionRefusal, refusalProblem } from '../subscriptions/domain/refusal.ts';
import { paidSeatsOf, type Subscription } from '../subscriptions/domain/subscription.ts';
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
  const { cycle, seats } = query;
  const isOwn = target.key === subscription.planKey && (cycle ?? subscription.cycle) === subscription.cycle;
  const change =
    isOwn && seats !== undefined && paidMinorOf(subscription, sold) > 0
      ? seatChangeOf({ subscription, sold, seats, now })
      : planChangeOf({ subscription, sold, offered, target, cycle, seats, now });
  return previewOf(change, subscription, now);
}

/** The figures of billing itself: the price, or what is left to pay for the rest of a period. */
function previewOf(change: PlanChange, subscription: Subscription, now: Date): InvoicePreviewWire {
  const { target, version, cycle, seats, payment, proration } = change;
  const price = priceMinorOf(target, cycle);
  if (price === null) throw refusalProblem(directionRefusal(change, 'upgrade'));
  const amount = payment?.amountMinor ?? (change.effective === 'period_end' ? 0 : price * seats);
  const lines = proration === null ? [] : prorationLines(change, proration, subscription, now);
  return {
    currency: version.catalogue.currency,
    subtotal_minor: proration === null ? amount : proration.chargeMinor - proration.creditMinor,
    total_minor: amount,
    amount_due_minor: amount,
    proration_at: proration === null ? null : now.toISOString(),
    lines,
  };
}

/** The unused time of the current terms, and the rest of the period, or a whole one of another cycle, under the new ones. */
function prorationLines(
  { target, cycle, seats, payment }: PlanChange,
  { chargeMinor, creditMinor }: Proration,
  subscription: Subscription,
  now: Date,
): InvoicePreviewWire['lines'] {
  const start = now.toISOString();
  const rest = { start, end: subscription.currentPeriodEnd.toISOString() };
  const what = `${seats} × ${target.name}`;
  const isNewPeriod = payment?.kind === 'new_period';
  const { end } = periodAt(now, MONTHS_PER_CYCLE[cycle], now);
  return [
    {
      description: 'Unused time',
      amount_minor: -creditMinor,
      quantity: paidSeatsOf(subscription),
      period: rest,
      proration: true,
    },
    {
      description: isNewPeriod ? what : `Remaining time on ${what}`,
      amount_minor: chargeMinor,
      quantity: seats,
      period: isNewPeriod ? { start, end: end.toISOString() } : rest,
      proration: !isNewPeriod,
    },
  ];
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
