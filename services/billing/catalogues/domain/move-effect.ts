/** The effect of a move to another catalogue version on one account. */
import { describeDifference } from '#libs/catalogue/diff.ts';
import {
  type EntitlementInput,
  type Entitlements,
  entitlementsAt,
  planAt,
} from '#libs/catalogue/entitlements.ts';
import { evaluateFlag } from '#libs/catalogue/flags.ts';
import { limitKey } from '#libs/catalogue/limit.ts';
import { type LimitDifference, limitDifferences } from '#libs/catalogue/plan-difference.ts';
import {
  type AccountState,
  type CatalogueVersion,
  entitlementInputOf,
} from '../../subscriptions/domain/subscription.ts';
import { mapPlan, type PlanMapping } from './plan-mapping.ts';

export type MoveEffect = {
  planBefore: string;
  planAfter: string;
  /** One line each. */
  gains: readonly string[];
  losses: readonly string[];
  /** Limits of the account that would be lower. */
  lowered: readonly LimitDifference[];
};

export type AccountMove = MoveEffect & { accountId: string; mapping: PlanMapping };

/**
 * Returns a function that computes the effect on one account. Accounts of one kind share a computation, so many accounts
 * cost little more than one of each kind.
 */
export function createMoveEvaluator(
  target: CatalogueVersion,
  now: Date,
): (state: AccountState) => AccountMove {
  const known = new Map<string, MoveEffect>();
  return (state) => {
    const { subscription, sold } = state;
    const mapping = mapPlan(subscription.planKey, sold.catalogue, target.catalogue);
    const moved = { ...subscription, planKey: mapping.plan.key };
    const before = entitlementInputOf(state);
    const after = entitlementInputOf({ ...state, subscription: moved, sold: target });
    const kind = kindOf(before, after, now);
    let effect = kind === undefined ? undefined : known.get(kind);
    if (effect === undefined) {
      effect = effectOf(entitlementsAt(before, now), entitlementsAt(after, now));
      if (kind !== undefined) known.set(kind, effect);
    }
    return { ...effect, accountId: subscription.accountId, mapping };
  };
}

/** Accounts of one kind have the same effect; undefined for an account with terms of its own. */
function kindOf(before: EntitlementInput, after: EntitlementInput, now: Date): string | undefined {
  const { accountId, segments, overrides, guardRails, seats, flags } = before;
  const isSpecial =
    overrides.length > 0 ||
    segments.length > 0 ||
    seats !== null ||
    guardRails.some(({ target }) => target.kind === 'account');
  if (isSpecial) return undefined;
  const plans = [planAt(before, now).plan.key, planAt(after, now).plan.key];
  const verdicts = flags.flatMap((flag) =>
    plans.map((plan) => evaluateFlag(flag, { accountId, plan, segments })),
  );
  return [before.catalogueVersion, ...plans, ...verdicts].join(' ');
}

function effectOf(before: Entitlements, after: Entitlements): MoveEffect {
  const limits = limitDifferences(byKey(before), byKey(after));
  const raised = limits.filter(({ change }) => change === 'raised');
  const lowered = limits.filter(({ change }) => change === 'lowered');
  const [had, has] = [permissionsOf(before), permissionsOf(after)];
  return {
    planBefore: before.plan.key,
    planAfter: after.plan.key,
    gains: [...linesOf(raised), ...missingFrom(had, has).map((name) => `${name} gained`)],
    losses: [...linesOf(lowered), ...missingFrom(has, had).map((name) => `${name} lost`)],
    lowered: lowered.filter(({ scope }) => scope === 'account'),
  };
}

function byKey({ limits }: Entitlements) {
  return new Map(limits.map((limit) => [limitKey(limit), limit]));
}

function linesOf(limits: readonly LimitDifference[]): string[] {
  return describeDifference({ featuresGained: [], featuresLost: [], limits, terms: [] });
}

/** Everything an account may use, by name. */
function permissionsOf(entitlements: Entitlements): string[] {
  const { features, textModels, imageModels, embeddingModels, qualities, platforms } = entitlements;
  return [
    ...Object.entries(features).flatMap(([name, { granted }]) => (granted ? [`feature ${name}`] : [])),
    ...(textModels.all ? ['any other text model'] : []),
    ...textModels.allowed.map((name) => `text model ${name}`),
    ...(imageModels.all ? ['any other image model'] : []),
    ...imageModels.allowed.map((name) => `image model ${name}`),
    ...(embeddingModels.all ? ['any other embedding model'] : []),
    ...embeddingModels.allowed.map((name) => `embedding model ${name}`),
    ...qualities.allowed.map((name) => `quality ${name}`),
    ...platforms.allowed.map((name) => `platform ${name}`),
  ];
}

function missingFrom(names: readonly string[], others: readonly string[]): string[] {
  const known = new Set(names);
  return others.filter((name) => !known.has(name));
}
