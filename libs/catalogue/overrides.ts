import type { Amount, Scope, Window } from './limit.ts';

interface Override {
  readonly id: string;
  /** In force from here… */
  readonly from: Date;
  /** …until just before here; null for as long as it is not withdrawn. */
  readonly until: Date | null;
}

/** More of a meter on top of the plan: added to every matching limit in numbers; unlimited stays unlimited. */
export interface QuotaBoost extends Override {
  readonly kind: 'quota_boost';
  readonly meter: string;
  readonly window?: Window;
  readonly scope?: Scope;
  readonly n: bigint;
}

/** Another amount in place of the plan's, in every matching limit; a new limit where there is none. */
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

/** Overrides of one kind in force at an instant; where one must win, it is the last. */
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
