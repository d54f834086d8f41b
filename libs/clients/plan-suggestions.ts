/** Which plans would lift a limit that has just refused a request. */
import { LRUCache } from 'lru-cache';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Amount, Scope, Window } from '#libs/catalogue/limit.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { suggestPlans } from '#libs/catalogue/suggest.ts';
import type { LimitView } from '#libs/ledger/types.ts';
import type { ProblemFieldValue } from '#libs/problems/problems.ts';

/** Versions in use at the same time: the active one and those that subscriptions are pinned to. */
const MAX_VERSIONS = 50;

export type Suggestions = {
  suggested_plans: readonly ProblemFieldValue[];
  urgency: 'low' | 'medium' | 'high';
};

export type PlanSuggestions = (
  entitlements: Entitlements,
  limit: LimitView,
) => Promise<Suggestions | undefined>;

/** @param fetch reads one immutable catalogue version. */
export function createPlanSuggestions(fetch: (versionId: string) => Promise<Catalogue>): PlanSuggestions {
  const versions = new LRUCache<string, Catalogue>({
    max: MAX_VERSIONS,
    fetchMethod: (versionId) => fetch(versionId),
  });
  return async ({ catalogue, plan }, limit) => {
    // Without the catalogue a refusal is still a refusal; it only suggests nothing.
    const version = await versions.fetch(catalogue.version).catch(() => undefined);
    if (version === undefined || limit.scope === 'key') return undefined;
    const { plans, urgency } = suggestPlans(version, plan.key, {
      meter: limit.meter,
      window: limit.window as Window,
      scope: limit.scope as Scope,
      used: limit.used,
      amount: amountOf(limit),
    });
    return {
      urgency,
      suggested_plans: plans.map(({ plan: suggested, amount }) => ({
        plan: suggested.key,
        name: suggested.name,
        limit: amount.kind === 'n' ? amount.n.toString() : amount.kind,
        price_month_minor: suggested.price.monthlyMinor,
      })),
    };
  };
}

function amountOf({ amount, kind }: LimitView): Amount {
  if (kind === 'disabled') return { kind };
  return amount === null ? { kind: 'unlimited' } : { kind: 'n', n: amount };
}
