import { exactText } from './exact-text.ts';
import { featuresOf } from './features.ts';
import { type Amount, compareAmounts, limitKey } from './limit.ts';
import { type HeldLimit, limitsOf } from './plans.ts';
import type { Catalogue, Plan, PlanCaps } from './schema.ts';

/** A plan and the catalogue version that defines it. */
export interface PlanInCatalogue {
  readonly catalogue: Catalogue;
  readonly plan: Plan;
}

export interface LimitDifference {
  readonly meter: string;
  readonly window: HeldLimit['window'];
  readonly scope: HeldLimit['scope'];
  /** Null if the plan does not limit the meter in this window. */
  readonly before: Amount | null;
  readonly after: Amount | null;
  readonly change: 'raised' | 'lowered';
}

export interface TermDifference {
  /** For example `price.monthlyMinor`, `trialDays` or `caps.maxQuality`. */
  readonly term: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface PlanDifference {
  readonly featuresGained: readonly string[];
  readonly featuresLost: readonly string[];
  readonly limits: readonly LimitDifference[];
  readonly terms: readonly TermDifference[];
}

/** What changes for an account that moves from one plan to another, or from one version of a plan to the next. */
export function planDifference(before: PlanInCatalogue, after: PlanInCatalogue): PlanDifference {
  const [had, has] = [featuresOf(before.catalogue, before.plan), featuresOf(after.catalogue, after.plan)];
  const [limitsBefore, limitsAfter] = [
    byKey(limitsOf(before.catalogue, before.plan)),
    byKey(limitsOf(after.catalogue, after.plan)),
  ];
  const policies = (limits: typeof limitsBefore) =>
    new Map([...limits].filter(([key]) => limitsBefore.has(key) && limitsAfter.has(key)).map(policyOf));
  return {
    featuresGained: has.filter((feature) => !had.includes(feature)),
    featuresLost: had.filter((feature) => !has.includes(feature)),
    limits: limitDifferences(limitsBefore, limitsAfter),
    terms: [
      ...termDifferences(termsOf(before.plan), termsOf(after.plan)),
      ...termDifferences(policies(limitsBefore), policies(limitsAfter)),
    ],
  };
}

export function isUnchanged({ featuresGained, featuresLost, limits, terms }: PlanDifference): boolean {
  return featuresGained.length + featuresLost.length + limits.length + terms.length === 0;
}

type LimitAmount = Pick<HeldLimit, 'meter' | 'window' | 'scope' | 'amount'>;

/** The differences between two sets of limits, each by its {@link limitKey}. */
export function limitDifferences(
  had: ReadonlyMap<string, LimitAmount>,
  has: ReadonlyMap<string, LimitAmount>,
): LimitDifference[] {
  return [...new Set([...had.keys(), ...has.keys()])].flatMap((key): LimitDifference[] => {
    const [old, now] = [had.get(key), has.get(key)];
    const either = now ?? old;
    // A plan without a limit for the key is unlimited.
    const order = compareAmounts(now?.amount ?? { kind: 'unlimited' }, old?.amount ?? { kind: 'unlimited' });
    if (either === undefined || order === 0) return [];
    return [
      {
        meter: either.meter,
        window: either.window,
        scope: either.scope,
        before: old?.amount ?? null,
        after: now?.amount ?? null,
        change: order > 0 ? 'raised' : 'lowered',
      },
    ];
  });
}

function byKey(limits: readonly HeldLimit[]): Map<string, HeldLimit> {
  return new Map(limits.map((limit) => [limitKey(limit), limit]));
}

/** How a limit is enforced, apart from its amount. */
function policyOf([, limit]: [string, HeldLimit]): [string, unknown] {
  const { meter, window, scope, onLimit, overagePriceNanoUsd, thresholds } = limit;
  return [`policy of ${meter} per ${window} and ${scope}`, { onLimit, overagePriceNanoUsd, thresholds }];
}

function termsOf(plan: Plan): Map<string, unknown> {
  const caps = Object.entries(plan.caps) as [keyof PlanCaps, unknown][];
  return new Map<string, unknown>([
    ['name', plan.name],
    ['rank', plan.rank],
    ['price.monthlyMinor', plan.price.monthlyMinor],
    ['price.yearlyMinor', plan.price.yearlyMinor],
    ['trialDays', plan.trialDays],
    ['listed', plan.listed],
    ...caps.map(([cap, value]): [string, unknown] => [`caps.${cap}`, value]),
  ]);
}

function termDifferences(before: Map<string, unknown>, after: Map<string, unknown>): TermDifference[] {
  return [...after].flatMap(([term, value]) => {
    const old = before.get(term);
    return exactText(old) === exactText(value) ? [] : [{ term, before: old, after: value }];
  });
}
