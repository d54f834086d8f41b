import { reaches } from '#libs/money/money.ts';
import { featuresOf } from './features.ts';
import type { Amount, Scope, Window } from './limit.ts';
import { findPlan, limitsOf, plansByRank } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

const ROOM = 2n;
const HIGH_BPS = 9_500;
const PROACTIVE_BPS = 8_000;

export interface LimitInQuestion {
  readonly meter: string;
  readonly window: Window;
  readonly scope?: Scope;
  readonly used: bigint;
  /** The amount that binds the account now, overrides included. */
  readonly amount: Amount;
}

export interface SuggestedPlan {
  readonly plan: Plan;
  /** What the plan allows of the meter in the same window. */
  readonly amount: Amount;
}

export type Urgency = 'low' | 'medium' | 'high';

export interface UpgradeSuggestion {
  /** Plans with room for twice the usage, the smallest first. */
  readonly plans: readonly SuggestedPlan[];
  /** `high` above 95 % of the limit, `medium` from 80 %. */
  readonly urgency: Urgency;
  /** Whether to offer an upgrade before anything is refused: from 80 %. */
  readonly proactive: boolean;
}

/** The plans that would lift a limit: those whose own is unlimited or more than twice what is used. */
export function suggestPlans(
  catalogue: Catalogue,
  currentPlan: string,
  limit: LimitInQuestion,
): UpgradeSuggestion {
  const plans = upgradesFrom(catalogue, currentPlan).flatMap((plan) => {
    const amount = allowance(catalogue, plan, limit);
    const fits = amount.kind === 'unlimited' || (amount.kind === 'n' && amount.n > ROOM * limit.used);
    return fits ? [{ plan, amount }] : [];
  });
  const urgency = urgencyOf(limit);
  return { plans, urgency, proactive: urgency !== 'low' };
}

/** Plans to move up to, the smallest first: those the upgrade map names, else every plan of a higher rank. */
export function upgradesFrom(catalogue: Catalogue, currentPlan: string): Plan[] {
  const current = findPlan(catalogue, currentPlan);
  if (current === undefined) return [];
  const named = Object.hasOwn(catalogue.upgrades, current.key) ? catalogue.upgrades[current.key] : undefined;
  return plansByRank(catalogue).filter((plan) =>
    named === undefined ? plan.rank > current.rank : named.includes(plan.key),
  );
}

/** Plans to move up to that have a feature. */
export function plansWithFeature(catalogue: Catalogue, currentPlan: string, feature: string): Plan[] {
  return upgradesFrom(catalogue, currentPlan).filter((plan) => featuresOf(catalogue, plan).includes(feature));
}

/** Plans to move up to that have something of a ladder: a model, a platform. */
export function plansWith(
  catalogue: Catalogue,
  currentPlan: string,
  cap: 'textModels' | 'imageModels' | 'platforms',
  name: string,
): Plan[] {
  return upgradesFrom(catalogue, currentPlan).filter(
    ({ caps }) => caps[cap] === '*' || caps[cap].includes(name),
  );
}

/** Plans to move up to under which content of a type may be generated. */
export function plansWithContentType(catalogue: Catalogue, currentPlan: string, type: string): Plan[] {
  const needed = Object.hasOwn(catalogue.contentTypes, type) ? catalogue.contentTypes[type] : undefined;
  return upgradesFrom(catalogue, currentPlan).filter((plan) => {
    const isDisabled = limitsOf(catalogue, plan).some(
      ({ meter, amount }) => meter === `gen.${type}` && amount.kind === 'disabled',
    );
    const features = featuresOf(catalogue, plan);
    return !isDisabled && (needed?.some((feature) => features.includes(feature)) ?? true);
  });
}

/** Plans to move up to that deliver a quality. */
export function plansWithQuality(catalogue: Catalogue, currentPlan: string, quality: string): Plan[] {
  const wanted = catalogue.qualities.indexOf(quality);
  return upgradesFrom(catalogue, currentPlan).filter(
    ({ caps }) =>
      wanted !== -1 && (caps.maxQuality === null || catalogue.qualities.indexOf(caps.maxQuality) >= wanted),
  );
}

function allowance(
  catalogue: Catalogue,
  plan: Plan,
  { meter, window, scope = 'account' }: LimitInQuestion,
): Amount {
  const ofMeter = limitsOf(catalogue, plan).filter((limit) => limit.meter === meter);
  const same = ofMeter.find((limit) => limit.window === window && limit.scope === scope);
  if (same !== undefined) return same.amount;
  return ofMeter.find((limit) => limit.amount.kind === 'disabled')?.amount ?? { kind: 'unlimited' };
}

function urgencyOf({ used, amount }: LimitInQuestion): Urgency {
  if (amount.kind === 'unlimited') return 'low';
  if (amount.kind === 'disabled') return 'high';
  if (used * 10_000n > amount.n * BigInt(HIGH_BPS)) return 'high';
  return reaches(used, amount.n, PROACTIVE_BPS) ? 'medium' : 'low';
}
