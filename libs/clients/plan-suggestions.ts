/** Suggests plans that would lift a limit. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Amount, Scope, Window } from '#libs/catalogue/limit.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { suggestPlans } from '#libs/catalogue/suggest.ts';
import type { LimitView } from '#libs/ledger/types.ts';

/** A plan to upgrade to, as responses show it. */
export type SuggestedPlan = { plan: string; name: string; price_month_minor: number | null };

export type Suggestions = {
  /** The smallest first, each with its amount of the limit. */
  suggested_plans: readonly (SuggestedPlan & { limit: string })[];
  urgency: 'low' | 'medium' | 'high';
};

export type PlanSuggestions = (
  entitlements: Entitlements,
  limit: LimitView,
) => Promise<Suggestions | undefined>;

export function presentSuggestedPlan({ key, name, price }: Plan): SuggestedPlan {
  return { plan: key, name, price_month_minor: price.monthlyMinor };
}

export function createPlanSuggestions(
  catalogueOf: (entitlements: Entitlements) => Promise<Catalogue | undefined>,
): PlanSuggestions {
  return async (entitlements, limit) => {
    // Without the catalogue a refusal suggests no plans.
    const version = await catalogueOf(entitlements);
    if (version === undefined || limit.scope === 'key') return undefined;
    const { plans, urgency } = suggestPlans(version, entitlements.plan.key, {
      meter: limit.meter,
      window: limit.window as Window,
      scope: limit.scope as Scope,
      used: limit.used,
      amount: amountOf(limit),
    });
    return {
      urgency,
      suggested_plans: plans.map(({ plan, amount }) => ({
        ...presentSuggestedPlan(plan),
        limit: amount.kind === 'n' ? amount.n.toString() : amount.kind,
      })),
    };
  };
}

function amountOf({ amount, kind }: LimitView): Amount {
  if (kind === 'disabled') return { kind };
  return amount === null ? { kind: 'unlimited' } : { kind: 'n', n: amount };
}
