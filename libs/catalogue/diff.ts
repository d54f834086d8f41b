import { formatUsd } from '#libs/money/money.ts';
import { exactText } from './exact-text.ts';
import type { Amount } from './limit.ts';
import { isUnchanged, type LimitDifference, type PlanDifference, planDifference } from './plan-difference.ts';
import type { Catalogue } from './schema.ts';

export type CatalogueChange =
  | { readonly kind: 'plan_added'; readonly plan: string }
  | { readonly kind: 'plan_removed'; readonly plan: string }
  | ({ readonly kind: 'plan_changed'; readonly plan: string } & PlanDifference)
  | { readonly kind: 'setting_changed'; readonly setting: string };

const SETTINGS = [
  'currency',
  'defaultPlan',
  'thresholds',
  'textModels',
  'imageModels',
  'embeddingModels',
  'qualities',
  'qualityPresets',
  'platforms',
  'featureBundles',
  'capabilities',
  'contentTypes',
  'notYetAvailable',
  'guardRail',
  'upgrades',
  'prices',
] as const satisfies (keyof Catalogue)[];

/** The differences between two versions of a catalogue, by plan. */
export function diffCatalogues(before: Catalogue, after: Catalogue): CatalogueChange[] {
  const changes: CatalogueChange[] = SETTINGS.filter(
    (setting) => exactText(before[setting]) !== exactText(after[setting]),
  ).map((setting) => ({ kind: 'setting_changed', setting }));
  const old = new Map(before.plans.map((plan) => [plan.key, plan]));
  for (const plan of after.plans) {
    const previous = old.get(plan.key);
    old.delete(plan.key);
    if (previous === undefined) {
      changes.push({ kind: 'plan_added', plan: plan.key });
      continue;
    }
    const difference = planDifference({ catalogue: before, plan: previous }, { catalogue: after, plan });
    if (!isUnchanged(difference)) changes.push({ kind: 'plan_changed', plan: plan.key, ...difference });
  }
  return [...changes, ...[...old.keys()].map((plan): CatalogueChange => ({ kind: 'plan_removed', plan }))];
}

/** The changes, one line each. */
export function describeChanges(changes: readonly CatalogueChange[]): string[] {
  return changes.flatMap(describeChange);
}

function describeChange(change: CatalogueChange): string[] {
  switch (change.kind) {
    case 'plan_added':
      return [`plan ${change.plan} added`];
    case 'plan_removed':
      return [`plan ${change.plan} removed`];
    case 'setting_changed':
      return [`${change.setting} changed`];
    case 'plan_changed':
      return describeDifference(change).map((line) => `plan ${change.plan}: ${line}`);
  }
}

/** The differences between two plans, one line each. */
export function describeDifference(difference: PlanDifference): string[] {
  return [
    ...difference.terms.map(
      ({ term, before, after }) => `${term} ${exactText(before)} → ${exactText(after)}`,
    ),
    ...difference.limits.map(describeLimit),
    ...difference.featuresGained.map((feature) => `feature ${feature} gained`),
    ...difference.featuresLost.map((feature) => `feature ${feature} lost`),
  ];
}

function describeLimit({ meter, window, scope, before, after, change }: LimitDifference): string {
  const where = scope === 'account' ? `per ${window}` : `per ${window} and ${scope}`;
  return `limit ${meter} ${where} ${change}: ${describeAmount(meter, before)} → ${describeAmount(meter, after)}`;
}

/** An amount as text: `2.000000000 USD`, `50`, `unlimited`; `no limit` for null. */
export function describeAmount(meter: string, amount: Amount | null): string {
  if (amount === null) return 'no limit';
  if (amount.kind !== 'n') return amount.kind;
  return meter === 'cost' ? `${formatUsd(amount.n)} USD` : amount.n.toString();
}
