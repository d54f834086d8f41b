import { reaches } from '#libs/money/money.ts';
import { type AnalyticsNeed, analyticsBounds, isWithin } from './analytics.ts';
import { featuresOf } from './features.ts';
import { GUARD_RAIL } from './guard-rail.ts';
import type { Amount, Scope, Window } from './limit.ts';
import { findPlan, limitsOf, plansByRank } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';

const ROOM = 2n;
const HIGH_BPS = 9_500;
const PROACTIVE_BPS = 8_000;

export interface ReachedLimit {
  readonly meter: string;
  readonly window: Window;
  readonly scope?: Scope;
  readonly used: bigint;
  /** What running requests hold. */
  readonly held?: bigint;
  /** What the refused request needs at most; 0 if none was refused. */
  readonly asked?: bigint;
  /** The amount in force now, overrides included. */
  readonly amount: Amount;
  /** See `EffectiveLimit.source`. */
  readonly source: string;
}

export interface SuggestedPlan {
  readonly plan: Plan;
  /** The plan's amount for the meter in the same window. */
  readonly amount: Amount;
}

export type Urgency = 'low' | 'medium' | 'high';

export interface UpgradeSuggestion {
  /** Plans that allow more than twice the usage and what was asked, the smallest first. */
  readonly plans: readonly SuggestedPlan[];
  /** `high` above 95 % of the limit, `medium` from 80 %. */
  readonly urgency: Urgency;
  /** Whether to suggest an upgrade before a request is refused: from 80 %. */
  readonly proactive: boolean;
}

/** The plans whose limit is unlimited or more than twice the usage; none where no plan lifts the limit. */
export function suggestPlans(
  catalogue: Catalogue,
  currentPlan: string,
  limit: ReachedLimit,
): UpgradeSuggestion {
  const { used, held = 0n, asked = 0n, source } = limit;
  // The emergency limit applies to all plans alike.
  const upgrades = source.startsWith(GUARD_RAIL) ? [] : upgradesFrom(catalogue, currentPlan);
  const plans = upgrades.flatMap((plan) => {
    const amount = allowance(catalogue, plan, limit);
    const fits =
      amount.kind === 'unlimited' ||
      (amount.kind === 'n' && amount.n > ROOM * used && amount.n >= used + held + asked);
    return fits ? [{ plan, amount }] : [];
  });
  const urgency = urgencyOf(limit);
  return { plans, urgency, proactive: urgency !== 'low' };
}

/** Upgrades from a plan, the smallest first: those in the upgrade map, else every plan of a higher rank. */
export function upgradesFrom(catalogue: Catalogue, currentPlan: string): Plan[] {
  const current = findPlan(catalogue, currentPlan);
  if (current === undefined) return [];
  const named = Object.hasOwn(catalogue.upgrades, current.key) ? catalogue.upgrades[current.key] : undefined;
  return plansByRank(catalogue).filter((plan) =>
    named === undefined ? plan.rank > current.rank : named.includes(plan.key),
  );
}

/** Upgrades that include a feature. */
export function plansWithFeature(catalogue: Catalogue, currentPlan: string, feature: string): Plan[] {
  return upgradesFrom(catalogue, currentPlan).filter((plan) => featuresOf(catalogue, plan).includes(feature));
}

/** Upgrades that include an entry of a ladder, such as a model or a platform. */
export function plansWith(
  catalogue: Catalogue,
  currentPlan: string,
  cap: 'textModels' | 'imageModels' | 'embeddingModels' | 'platforms',
  name: string,
): Plan[] {
  // A catalogue that lists no image or embedding models sells none, even if its plans allow all.
  if ((cap === 'imageModels' || cap === 'embeddingModels') && catalogue[cap].length === 0) return [];
  return upgradesFrom(catalogue, currentPlan).filter(
    ({ caps }) => caps[cap] === '*' || caps[cap].includes(name),
  );
}

/** Upgrades that allow a content type. */
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

/** Upgrades that include a quality. */
export function plansWithQuality(catalogue: Catalogue, currentPlan: string, quality: string): Plan[] {
  const wanted = catalogue.qualities.indexOf(quality);
  return upgradesFrom(catalogue, currentPlan).filter(
    ({ caps }) =>
      wanted !== -1 && (caps.maxQuality === null || catalogue.qualities.indexOf(caps.maxQuality) >= wanted),
  );
}

/** Upgrades that show usage as far back, and by hour if asked for. */
export function plansWithAnalytics(catalogue: Catalogue, currentPlan: string, needed: AnalyticsNeed): Plan[] {
  return upgradesFrom(catalogue, currentPlan).filter(({ caps }) =>
    isWithin(analyticsBounds(caps.analyticsDepth), needed),
  );
}

function allowance(
  catalogue: Catalogue,
  plan: Plan,
  { meter, window, scope = 'account' }: ReachedLimit,
): Amount {
  const ofMeter = limitsOf(catalogue, plan).filter((limit) => limit.meter === meter);
  const same = ofMeter.find((limit) => limit.window === window && limit.scope === scope);
  if (same !== undefined) return same.amount;
  return ofMeter.find((limit) => limit.amount.kind === 'disabled')?.amount ?? { kind: 'unlimited' };
}

function urgencyOf({ used, amount }: ReachedLimit): Urgency {
  if (amount.kind === 'unlimited') return 'low';
  if (amount.kind === 'disabled') return 'high';
  if (used * 10_000n > amount.n * BigInt(HIGH_BPS)) return 'high';
  return reaches(used, amount.n, PROACTIVE_BPS) ? 'medium' : 'low';
}
