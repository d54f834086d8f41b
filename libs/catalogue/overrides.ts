import type { Amount, Scope, Window } from './limit.ts';

interface Override {
  readonly id: string;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive; null for no end. */
  readonly until: Date | null;
}

/** Adds to every matching numeric limit. Unlimited stays unlimited. */
export interface QuotaBoost extends Override {
  readonly kind: 'quota_boost';
  readonly meter: string;
  readonly window?: Window;
  readonly scope?: Scope;
  readonly n: bigint;
}

/** Replaces the amount of every matching limit; adds a limit if none matches. */
export interface LimitReplacement extends Override {
  readonly kind: 'limit_replacement';
  readonly meter: string;
  readonly window?: Window;
  readonly scope?: Scope;
  readonly amount: Amount;
}

export interface FeatureGrant extends Override {
  readonly kind: 'feature_grant';
  readonly feature: string;
}

export interface PlanChange extends Override {
  readonly kind: 'plan_change';
  readonly plan: string;
}

/** What staff granted one account in addition to its plan. */
export type AccountOverride = QuotaBoost | LimitReplacement | FeatureGrant | PlanChange;

export type OverrideKind = AccountOverride['kind'];

/** Overrides of one kind in force at an instant, by start; the last one takes precedence. */
export function overridesInForce<Kind extends OverrideKind>(
  overrides: readonly AccountOverride[],
  kind: Kind,
  at: Date,
): Extract<AccountOverride, { kind: Kind }>[] {
  return overrides
    .filter((override): override is Extract<AccountOverride, { kind: Kind }> => override.kind === kind)
    .filter(({ from, until }) => from <= at && (until === null || at < until))
    .sort((left, right) => left.from.getTime() - right.from.getTime() || (left.id < right.id ? -1 : 1));
}

export function overrideSource(override: { readonly id: string }): string {
  return `override:${override.id}`;
}
