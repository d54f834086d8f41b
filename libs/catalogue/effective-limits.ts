import { type GuardRailSetting, guardRailLimits } from './guard-rail.ts';
import { amountOf, blocksEarly, compareAmounts, type EffectiveLimit, limitKey } from './limit.ts';
import {
  type AccountOverride,
  type LimitReplacement,
  overrideSource,
  overridesInForce,
  type QuotaBoost,
} from './overrides.ts';
import { limitsOf } from './plans.ts';
import type { Catalogue, Plan } from './schema.ts';
import { thresholdsOf } from './thresholds.ts';

export interface LimitInput {
  readonly catalogue: Catalogue;
  readonly accountId: string;
  readonly segments: readonly string[];
  /** Seats sold in addition to the plan; null if only the plan counts. */
  readonly seats: number | null;
  readonly overrides: readonly AccountOverride[];
  readonly guardRails: readonly GuardRailSetting[];
}

/**
 * The limits of an account on a plan at an instant, one for each (meter, window, scope). Applied in this order: the plan,
 * bought seats, replacements, boosts, and the guard rail, which nothing raises: of two limits with the same key the
 * smaller applies.
 */
export function effectiveLimits(input: LimitInput, plan: Plan, at: Date): EffectiveLimit[] {
  let limits = planLimits(input.catalogue, plan).map((limit) => withSeats(limit, input.seats));
  for (const override of overridesInForce(input.overrides, 'limit_replacement', at)) {
    limits = replaced(limits, override, input.catalogue);
  }
  for (const override of overridesInForce(input.overrides, 'quota_boost', at)) {
    limits = boosted(limits, override);
  }
  return smallestByKey([...limits, ...guardRailLimits(input.catalogue, plan, input, input.guardRails)]);
}

function planLimits(catalogue: Catalogue, plan: Plan): EffectiveLimit[] {
  return limitsOf(catalogue, plan).map((limit) => ({
    meter: limit.meter,
    window: limit.window,
    scope: limit.scope,
    amount: limit.amount,
    thresholds: thresholdsOf(catalogue, plan, limit),
    blocks: blocksEarly(limit.meter),
    onLimit: limit.onLimit,
    overagePriceNanoUsd: limit.overagePriceNanoUsd,
    source: `${limit.stated ? 'plan' : ABSENT}:${plan.key}`,
  }));
}

const ABSENT = 'not_in_plan';
const SEATS_METER = 'team.members';

function withSeats(limit: EffectiveLimit, seats: number | null): EffectiveLimit {
  if (seats === null || limit.meter !== SEATS_METER) return limit;
  const bought = amountOf(BigInt(seats));
  return compareAmounts(bought, limit.amount) > 0 ? { ...limit, amount: bought, source: 'seats' } : limit;
}

function replaced(
  limits: readonly EffectiveLimit[],
  override: LimitReplacement,
  catalogue: Catalogue,
): EffectiveLimit[] {
  const source = overrideSource(override);
  const present = limits.map((limit) => placed(limit, override));
  if (present.some((limit) => isMeant(limit, override))) {
    return present.map((limit) =>
      isMeant(limit, override) ? { ...limit, amount: override.amount, source } : limit,
    );
  }
  const added: EffectiveLimit = {
    meter: override.meter,
    window: override.window ?? 'period',
    scope: override.scope ?? 'account',
    amount: override.amount,
    thresholds: catalogue.thresholds,
    blocks: blocksEarly(override.meter),
    onLimit: 'deny',
    overagePriceNanoUsd: null,
    source,
  };
  return [...present, added];
}

function boosted(limits: readonly EffectiveLimit[], override: QuotaBoost): EffectiveLimit[] {
  return limits.map((unplaced) => {
    const limit = placed(unplaced, override);
    if (!isMeant(limit, override) || limit.amount.kind === 'unlimited') return limit;
    const before = limit.amount.kind === 'n' ? limit.amount.n : 0n;
    const source = limit.source.startsWith('override:')
      ? `${limit.source}+${overrideSource(override)}`
      : overrideSource(override);
    return { ...limit, amount: amountOf(before + override.n), source };
  });
}

/** A meter that is not in the plan has no window of its own, so the override sets window and scope. */
function placed(limit: EffectiveLimit, override: LimitReplacement | QuotaBoost): EffectiveLimit {
  if (limit.meter !== override.meter || !limit.source.startsWith(ABSENT)) return limit;
  return { ...limit, window: override.window ?? limit.window, scope: override.scope ?? limit.scope };
}

function isMeant(limit: EffectiveLimit, override: LimitReplacement | QuotaBoost): boolean {
  return (
    limit.meter === override.meter &&
    (override.window === undefined || limit.window === override.window) &&
    (override.scope === undefined || limit.scope === override.scope)
  );
}

function smallestByKey(limits: readonly EffectiveLimit[]): EffectiveLimit[] {
  const smallest = new Map<string, EffectiveLimit>();
  for (const limit of limits) {
    const key = limitKey(limit);
    const known = smallest.get(key);
    if (known === undefined) {
      smallest.set(key, limit);
      continue;
    }
    const tighter = compareAmounts(limit.amount, known.amount) < 0 ? limit : known;
    // If either limit denies, overage is not sold.
    const denied = limit.onLimit === 'deny' || known.onLimit === 'deny';
    smallest.set(key, denied ? { ...tighter, onLimit: 'deny', overagePriceNanoUsd: null } : tighter);
  }
  return [...smallest.values()];
}
