/** Two plans side by side, and what moving from one to the other would do to an account. */
import { comparePlans } from '#libs/catalogue/compare.ts';
import { type Amount, amountOf, compareAmounts, limitKey } from '#libs/catalogue/limit.ts';
import { type PlanDifference, planDifference } from '#libs/catalogue/plan-difference.ts';
import { limitsOf } from '#libs/catalogue/plans.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { meterUnit } from '#libs/contracts/limits.ts';
import type { PlanChangesWire, PlanComparisonWire } from '#libs/contracts/plans.ts';
import type { ChangePreview } from '#libs/contracts/subscriptions.ts';
import type { LimitStanding } from '#libs/ledger/read-limits.ts';
import { choosePlan } from '../plans/offer.ts';
import { presentPlan } from '../plans/view.ts';
import type { CatalogueVersion, Subscription } from './domain.ts';
import { ownPlan, type PlanChange } from './plan-change.ts';

/** @throws ProblemError `unknown_plan` */
export function comparisonOf({ catalogue }: CatalogueVersion, a: string, b: string): PlanComparisonWire {
  const [from, to] = [choosePlan(catalogue, a), choosePlan(catalogue, b)];
  const compared = comparePlans(catalogue, from.key, to.key);
  if (compared === undefined) throw new RangeError('plans that were found are in their catalogue');
  return {
    a: presentPlan(catalogue, from),
    b: presentPlan(catalogue, to),
    direction: compared.direction,
    changes: presentChanges(compared),
  };
}

export function presentChanges({ featuresGained, featuresLost, limits }: PlanDifference): PlanChangesWire {
  return {
    features_gained: [...featuresGained],
    features_lost: [...featuresLost],
    limits: limits.map(({ meter, window, scope, before, after, change }) => ({
      meter,
      unit: meterUnit(meter),
      window,
      scope,
      before: presentAmount(before),
      after: presentAmount(after),
      change,
    })),
  };
}

/** @param standing the limits of the account as they stand. */
export function presentPreview(
  change: PlanChange,
  subscription: Subscription,
  sold: CatalogueVersion,
  standing: readonly LimitStanding[],
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
    over_limit: overLimits(catalogue, change, standing),
  };
}

function overLimits(
  catalogue: Catalogue,
  { target, effectiveAt }: PlanChange,
  standing: readonly LimitStanding[],
): ChangePreview['over_limit'] {
  const limits = new Map(limitsOf(catalogue, target).map((limit) => [limitKey(limit), limit.amount]));
  return standing.flatMap(({ meter, window, scope, scopeId, used, held, resetsAt }) => {
    if (scope === 'key') return [];
    const amount = limits.get(limitKey({ meter, window, scope }));
    const taken = used + held;
    if (amount === undefined || taken === 0n || compareAmounts(amountOf(taken), amount) <= 0) return [];
    return [
      {
        meter,
        unit: meterUnit(meter),
        window,
        scope,
        scope_id: scopeId === '' ? null : scopeId,
        used: used.toString(),
        held: held.toString(),
        new_limit: amount.kind === 'n' ? amount.n.toString() : '0',
        resets_at: resetsAt?.toISOString() ?? null,
        resets_before_change: resetsAt !== null && effectiveAt !== null && resetsAt <= effectiveAt,
      },
    ];
  });
}

function presentAmount(amount: Amount | null): PlanChangesWire['limits'][number]['before'] {
  return amount && { kind: amount.kind, amount: amount.kind === 'n' ? amount.n.toString() : null };
}
