import { amountOf, blocksEarly, type EffectiveLimit } from './limit.ts';
import type { Catalogue, Plan } from './schema.ts';
import { guardRailThresholds } from './thresholds.ts';

/**
 * Daily emergency limits in addition to those of the plan. The catalogue defines them and where they apply by default (free
 * plans, new testers). Staff can change them globally, for a plan, or for an account; the most specific setting applies.
 */
export interface GuardRailSetting {
  readonly target:
    | { readonly kind: 'global' }
    | { readonly kind: 'plan'; readonly plan: string }
    | { readonly kind: 'account'; readonly accountId: string };
  readonly enabled: boolean;
  /** Replaces the catalogue's limit; null for no limit of this kind. */
  readonly tokensPerDay?: bigint | null;
  readonly costPerDayNanoUsd?: bigint | null;
}

export interface GuardRailSubject {
  readonly accountId: string;
  readonly segments: readonly string[];
}

const SPECIFICITY = { global: 0, plan: 1, account: 2 } as const;

/** The source of the guard rail's limits, or its beginning. */
export const GUARD_RAIL = 'guard_rail';

/** The guard rail's limits for an account on a plan; none where it does not apply. */
export function guardRailLimits(
  catalogue: Catalogue,
  plan: Plan,
  subject: GuardRailSubject,
  settings: readonly GuardRailSetting[],
): EffectiveLimit[] {
  const setting = settings
    .filter(({ target }) => {
      if (target.kind === 'account') return target.accountId === subject.accountId;
      return target.kind === 'global' || target.plan === plan.key;
    })
    .sort((left, right) => SPECIFICITY[left.target.kind] - SPECIFICITY[right.target.kind])
    .at(-1);
  if (!(setting?.enabled ?? appliesByDefault(catalogue, plan, subject))) return [];

  const rail = catalogue.guardRail;
  const tokensPerDay = setting?.tokensPerDay === undefined ? rail?.tokensPerDay : setting.tokensPerDay;
  const costPerDay =
    setting?.costPerDayNanoUsd === undefined ? rail?.costPerDayNanoUsd : setting.costPerDayNanoUsd;
  const thresholds = rail === null ? catalogue.thresholds : guardRailThresholds(catalogue, rail);
  const source = setting === undefined ? GUARD_RAIL : `${GUARD_RAIL}:${setting.target.kind}`;
  const figures = [
    ['tokens.total', tokensPerDay],
    ['cost', costPerDay],
  ] as const;
  return figures.flatMap(([meter, n]): EffectiveLimit[] =>
    n === null || n === undefined
      ? []
      : [
          {
            meter,
            window: 'day',
            scope: 'account',
            amount: amountOf(n),
            thresholds,
            blocks: blocksEarly(meter),
            onLimit: 'deny',
            overagePriceNanoUsd: null,
            source,
          },
        ],
  );
}

function appliesByDefault(catalogue: Catalogue, plan: Plan, subject: GuardRailSubject): boolean {
  const rail = catalogue.guardRail;
  if (rail === null) return false;
  return rail.plans.includes(plan.key) || rail.segments.some((segment) => subject.segments.includes(segment));
}
