/** What an account's plan allows, how much of it is used, and which upgrades there are. */
import { capabilityGrant } from '#libs/catalogue/access.ts';
import { type Entitlements, entitlementsAt } from '#libs/catalogue/entitlements.ts';
import { featuresOf } from '#libs/catalogue/features.ts';
import { type Amount, blocksEarly, limitKey } from '#libs/catalogue/limit.ts';
import { findPlan } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { suggestPlans, upgradesFrom } from '#libs/catalogue/suggest.ts';
import { amountToWire, limitToWire } from '#libs/contracts/limits.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import type { Capability, MyPlan, PlanUsage } from '#libs/contracts/plans.ts';
import type { AccountUsage, LimitUsage } from '#libs/ledger/read-limits.ts';
import { problem } from '#libs/problems/problems.ts';
import { type PaymentRequest, presentRequestSummary } from '../../payments/domain.ts';
import {
  type AccountState,
  type CatalogueVersion,
  entitlementInputOf,
} from '../../subscriptions/domain/subscription.ts';
import { canStartTrial, plansWithTrial } from '../../trials/domain.ts';
import { choosablePlans } from './offer.ts';
import { currentSubscriptionOf, presentModels, presentPlan } from './view.ts';

export function myPlanOf(
  state: AccountState,
  about: { offered: CatalogueVersion; openRequest: PaymentRequest | undefined; hasTried: boolean; now: Date },
): MyPlan {
  const { catalogue } = state.sold;
  const subscription = currentSubscriptionOf(state, about.now);
  const inForce = planInForce(catalogue, subscription.plan);
  return {
    plan: inForce.key,
    plan_source: subscription.plan_source,
    plan_details: presentPlan(catalogue, inForce),
    subscription,
    open_payment_request: about.openRequest === undefined ? null : presentRequestSummary(about.openRequest),
    upgrades: upgradesFrom(catalogue, inForce.key).map(refOf),
    trial: trialOf(state, about),
  };
}

function trialOf(
  { subscription, sold }: AccountState,
  { offered, hasTried }: { offered: CatalogueVersion; hasTried: boolean },
): MyPlan['trial'] {
  const plans = plansWithTrial(offered.catalogue).map((plan) => ({
    ...refOf(plan),
    days: plan.trialDays,
  }));
  const obstacles = {
    trial_used: hasTried,
    not_on_default_plan: !canStartTrial(subscription, sold),
    no_plan_has_a_trial: plans.length === 0,
  };
  const reasons = Object.keys(obstacles) as (keyof typeof obstacles)[];
  const reason = reasons.find((name) => obstacles[name]) ?? null;
  return { eligible: reason === null, reason, plans };
}

/** @param usage undefined for an account without balances, which has used nothing. */
export function planUsageOf(state: AccountState, usage: AccountUsage | undefined, now: Date): PlanUsage {
  const { catalogue } = state.sold;
  const may = entitlementsAt(entitlementInputOf(state), now);
  const { plan, plan_source, plan_details, current_period } = currentSubscriptionOf(state, now);
  const period = usage && {
    start: usage.period.start.toISOString(),
    end: usage.period.end.toISOString(),
  };
  return {
    ...{ plan, plan_source, plan_details },
    period: period ?? current_period,
    limits: (usage?.limits ?? []).map((limit) => usable(limit, may, catalogue)),
    features: Object.fromEntries(
      Object.entries(may.features).map(([name, { granted: enabled, source }]) => [
        name,
        { enabled, source, description: catalogue.features[name] ?? '' },
      ]),
    ),
    text_models: presentModels(may.textModels),
    image_models: presentModels(may.imageModels),
    embedding_models: presentModels(may.embeddingModels),
    qualities: marked(may.qualities),
    platforms: marked(may.platforms),
  };
}

function usable(limit: LimitUsage, may: Entitlements, catalogue: Catalogue): PlanUsage['limits'][number] {
  return {
    ...limitToWire(limit),
    can_use: canUse(limit, may),
    upgrade: limit.scope === 'key' ? null : upgradeFor({ ...limit, scope: limit.scope }, may, catalogue),
  };
}

/** Whether the ledger would admit a hold of one more. */
function canUse(limit: LimitUsage, may: Entitlements): boolean {
  const { kind, amount, used, held, state, meter, window, scope } = limit;
  if (kind === 'disabled') return false;
  if (kind !== 'n' || amount === null) return true;
  const key = scope === 'key' ? undefined : limitKey({ meter, window, scope });
  const bound = may.limits.find((one) => limitKey(one) === key);
  if (bound?.onLimit === 'overage') return true;
  if (state === 'exhausted' || (state === 'blocked' && blocksEarly(meter))) return false;
  return used + held < amount;
}

function upgradeFor(
  { kind, amount: n, ...limit }: LimitUsage & { scope: 'account' | 'user' | 'workspace' },
  may: Entitlements,
  catalogue: Catalogue,
): PlanUsage['limits'][number]['upgrade'] {
  if (kind === 'unmetered') return null;
  const amount: Amount =
    kind === 'n' && n !== null ? { kind, n } : { kind: kind === 'disabled' ? kind : 'unlimited' };
  const { urgency, plans } = suggestPlans(catalogue, may.plan.key, { ...limit, amount });
  return urgency === 'low'
    ? null
    : {
        urgency,
        suggested_plans: plans.map((suggested) => ({
          ...refOf(suggested.plan),
          price: priceOf(suggested.plan),
          amount: amountToWire(limit.meter, suggested.amount),
        })),
      };
}

function marked({ allowed, ladder }: { allowed: readonly string[]; ladder: readonly string[] }) {
  return Object.fromEntries(ladder.map((name) => [name, allowed.includes(name)]));
}

/** @throws ProblemError `invalid_request` for an unknown capability. */
export function capabilityOf(state: AccountState, name: string, now: Date): Capability {
  const { catalogue } = state.sold;
  const may = entitlementsAt(entitlementInputOf(state), now);
  const grant = capabilityGrant(catalogue, may, name);
  if (grant === undefined) {
    throw problem('invalid_request', {
      detail: `Unknown capability: ${name}.`,
      fields: { param: 'name', available_capabilities: Object.keys(catalogue.capabilities) },
    });
  }
  const feature = catalogue.capabilities[name] ?? name;
  return {
    name,
    feature,
    description: catalogue.features[feature] ?? '',
    enabled: grant.granted,
    source: grant.source,
    plan: may.plan.key,
    plans: choosablePlans(catalogue)
      .filter((plan) => featuresOf(catalogue, plan).includes(feature))
      .map(refOf),
  };
}

function planInForce(catalogue: Catalogue, key: string): Plan {
  const plan = findPlan(catalogue, key);
  if (plan === undefined) throw new RangeError(`The catalogue ${catalogue.id} has no plan ${key}.`);
  return plan;
}
