/** Suggests plans that would lift a limit. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Amount, Scope, Window } from '#libs/catalogue/limit.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { suggestPlans } from '#libs/catalogue/suggest.ts';
import { amountToWire } from '#libs/contracts/limits.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import type { Suggestions } from '#libs/contracts/requirements.ts';
import type { LimitView } from '#libs/ledger/types.ts';

export type PlanSuggestions = (
  entitlements: Entitlements,
  limit: LimitView,
) => Promise<Suggestions | undefined>;

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
      held: limit.held,
      asked: limit.asked,
      amount: amountOf(limit),
      source: limit.source,
    });
    return {
      urgency,
      suggested_plans: plans.map(({ plan, amount }) => ({
        ...refOf(plan),
        price: priceOf(plan),
        amount: amountToWire(limit.meter, amount),
      })),
    };
  };
}

function amountOf({ amount, kind }: LimitView): Amount {
  if (kind === 'disabled') return { kind };
  return amount === null ? { kind: 'unlimited' } : { kind: 'n', n: amount };
}
