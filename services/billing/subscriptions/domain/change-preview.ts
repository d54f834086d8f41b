/** Presents the effect of a plan change on an account before it is made. */
import { amountOf, compareAmounts, limitKey } from '#libs/catalogue/limit.ts';
import { planDifference } from '#libs/catalogue/plan-difference.ts';
import { limitsOf } from '#libs/catalogue/plans.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { refusedLimitToWire } from '#libs/contracts/limits.ts';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import type { LimitUsage } from '#libs/ledger/read-limits.ts';
import { presentChanges } from '../../plans/domain/comparison.ts';
import { ownPlan, type PlanChange } from './plan-change.ts';
import type { CatalogueVersion, Subscription } from './subscription.ts';

/** @param usage the account's limits in their current windows. */
export function presentPreview(
  change: PlanChange,
  subscription: Subscription,
  sold: CatalogueVersion,
  usage: readonly LimitUsage[],
): ChangePreview {
  const { target, version, cycle, direction, refusal, effective, effectiveAt, payment } = change;
  const { catalogue } = version;
  const { proration, recurringMinor } = change;
  return {
    plan: target.key,
    cycle,
    direction,
    available: refusal === null,
    unavailable_reason: refusal,
    effective,
    effective_at: effectiveAt?.toISOString() ?? null,
    currency: catalogue.currency,
    amount_due_now_minor: payment?.amountMinor ?? 0,
    recurring_minor: recurringMinor,
    proration: proration && {
      period: {
        start: subscription.currentPeriodStart.toISOString(),
        end: subscription.currentPeriodEnd.toISOString(),
      },
      period_seconds: proration.periodSeconds,
      remaining_seconds: proration.remainingSeconds,
      charge_minor: proration.chargeMinor,
      credit_minor: proration.creditMinor,
    },
    changes: presentChanges(
      planDifference(
        { catalogue: sold.catalogue, plan: ownPlan(subscription, sold) },
        { catalogue, plan: target },
      ),
    ),
    over_limits: overLimits(catalogue, change, usage),
  };
}

function overLimits(
  catalogue: Catalogue,
  { target, effectiveAt }: PlanChange,
  usage: readonly LimitUsage[],
): ChangePreview['over_limits'] {
  const limits = new Map(limitsOf(catalogue, target).map((limit) => [limitKey(limit), limit.amount]));
  return usage.flatMap(({ meter, window, scope, scopeId, used, held, resetsAt }) => {
    if (scope === 'key') return [];
    const amount = limits.get(limitKey({ meter, window, scope }));
    const taken = used + held;
    if (amount === undefined || taken === 0n || compareAmounts(amountOf(taken), amount) <= 0) return [];
    const {
      asked: _asked,
      source: _source,
      ...limit
    } = refusedLimitToWire({
      ...{ meter, window, scope, scopeId, used, held, resetsAt, asked: 0n, source: '' },
      kind: amount.kind,
      amount: amount.kind === 'n' ? amount.n : null,
    });
    return [
      {
        ...limit,
        resets_before_change: resetsAt !== null && effectiveAt !== null && resetsAt <= effectiveAt,
      },
    ];
  });
}
