import { type Amount, amountOf, DISABLED, PARALLEL_REQUESTS, type Scope, type Window } from './limit.ts';
import type { Catalogue, Plan, PlanLimit } from './schema.ts';

/** The plan with this key or alias. */
export function findPlan(catalogue: Catalogue, name: string): Plan | undefined {
  return catalogue.plans.find((plan) => plan.key === name || plan.aliases.includes(name));
}

/** Plans from the lowest rank to the highest. */
export function plansByRank(catalogue: Catalogue): Plan[] {
  return [...catalogue.plans].sort((left, right) => left.rank - right.rank);
}

/** One limit of a plan: stated in the file, or `disabled` because only other plans have the meter. */
export interface HeldLimit extends PlanLimit {
  readonly stated: boolean;
}

/**
 * Every limit of a plan. A meter that only other plans name is `disabled`, in the window and scope of the lowest plan that
 * names it. A meter that no plan names is not metered. `caps.maxParallel` is a limit, too; without it, any number of requests
 * may run.
 */
export function limitsOf(catalogue: Catalogue, plan: Plan): HeldLimit[] {
  const stated = plan.limits.map((limit) => ({ ...limit, stated: true }));
  const named = new Set(plan.limits.map((limit) => limit.meter));
  const absent: HeldLimit[] = [];
  for (const other of plansByRank(catalogue)) {
    for (const limit of other.limits) {
      if (named.has(limit.meter)) continue;
      named.add(limit.meter);
      absent.push({ ...limitOf(limit.meter, limit.window, limit.scope, DISABLED), stated: false });
    }
  }
  return [...stated, ...parallelLimitOf(plan), ...absent];
}

function parallelLimitOf({ caps: { maxParallel } }: Plan): HeldLimit[] {
  if (maxParallel === null) return [];
  return [{ ...limitOf(PARALLEL_REQUESTS, 'total', 'account', amountOf(BigInt(maxParallel))), stated: true }];
}

function limitOf(meter: string, window: Window, scope: Scope, amount: Amount): PlanLimit {
  return {
    meter,
    window,
    scope,
    amount,
    approximatelyNanoUsd: null,
    thresholds: {},
    onLimit: 'deny',
    overagePriceNanoUsd: null,
  };
}
