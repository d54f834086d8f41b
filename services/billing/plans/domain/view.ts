/** Presents plans and subscriptions to clients. */
import { notYetAvailableIn } from '#libs/catalogue/availability.ts';
import { chosen, entitlementsAt, qualitiesOf } from '#libs/catalogue/entitlements.ts';
import { featuresOf } from '#libs/catalogue/features.ts';
import { findPlan, limitsOf, plansByRank } from '#libs/catalogue/plans.ts';
import type { Catalogue, Plan } from '#libs/catalogue/schema.ts';
import { modelLabel, nameLabel } from '#libs/contracts/labels.ts';
import { planLimitToWire } from '#libs/contracts/limits.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import type { CurrentSubscription, PlanList, PlanWire } from '#libs/contracts/plans.ts';
import { MONTHS_PER_CYCLE, periodAt } from '../../subscriptions/domain/period.ts';
import {
  type AccountState,
  type CatalogueVersion,
  entitlementInputOf,
  type Subscription,
} from '../../subscriptions/domain/subscription.ts';

export function planListOf({ catalogueId, version, catalogue }: CatalogueVersion): PlanList {
  return {
    catalogue: { id: catalogueId, version },
    default_plan: catalogue.defaultPlan,
    features: catalogue.features,
    labels: labelsOf(catalogue),
    plans: plansByRank(catalogue)
      .filter(({ listed }) => listed)
      .map((plan) => presentPlan(catalogue, plan)),
  };
}

function labelsOf(catalogue: Catalogue): PlanList['labels'] {
  const labels = (keys: readonly string[], label: (key: string) => string) =>
    Object.fromEntries(keys.map((key) => [key, label(key)]));
  const { features, textModels, imageModels, embeddingModels, qualities, platforms } = catalogue;
  return {
    features: labels(Object.keys(features), nameLabel),
    models: labels([...textModels, ...imageModels, ...embeddingModels], modelLabel),
    qualities: labels(qualities, nameLabel),
    platforms: labels(platforms, nameLabel),
  };
}

export function presentPlan(catalogue: Catalogue, plan: Plan): PlanWire {
  const { caps } = plan;
  const text = modelsOf(caps.textModels, catalogue.textModels);
  const image = listedModelsOf(caps.imageModels, catalogue.imageModels);
  const embedding = listedModelsOf(caps.embeddingModels, catalogue.embeddingModels);
  return {
    key: plan.key,
    name: plan.name,
    description: plan.description,
    rank: plan.rank,
    aliases: plan.aliases,
    popular: plan.popular,
    price: priceOf(plan),
    trial_days: plan.trialDays,
    features: featuresOf(catalogue, plan),
    text_models: { ...text, default: caps.defaultTextModel ?? text.allowed[0] ?? null },
    image_models: { ...image, default: caps.defaultImageModel ?? image.allowed.at(-1) ?? null },
    embedding_models: {
      ...embedding,
      default: caps.defaultEmbeddingModel ?? embedding.allowed[0] ?? null,
    },
    qualities: [...qualitiesOf(catalogue, plan)],
    platforms: [...chosen(caps.platforms, catalogue.platforms)],
    requests_per_minute: caps.requestsPerMinute,
    max_parallel: caps.maxParallel,
    priority: caps.priority,
    analytics_depth: caps.analyticsDepth,
    horizon_days: caps.horizonDays,
    retention_days: caps.retentionDays,
    support: caps.support,
    sla_percentage: caps.slaPct,
    limits: limitsOf(catalogue, plan).map(planLimitToWire),
    not_yet_available: notYetAvailableIn(catalogue, plan),
  };
}

/** A cancelled subscription ends before its scheduled change, unless it is resumed. */
function scheduledChangeOf({ scheduledChange: change, cancelAtPeriodEnd, currentPeriodEnd }: Subscription) {
  if (change === null || cancelAtPeriodEnd) return null;
  return { plan: change.planKey, cycle: change.cycle, effective_at: currentPeriodEnd.toISOString() };
}

export function currentSubscriptionOf(state: AccountState, now: Date): CurrentSubscription {
  const { subscription, sold } = state;
  const may = entitlementsAt(entitlementInputOf(state), now);
  const period = periodAt(subscription.anchor, MONTHS_PER_CYCLE[subscription.cycle], now);
  const inForce = findPlan(sold.catalogue, may.plan.key);
  if (inForce === undefined)
    throw new RangeError(`The catalogue ${sold.catalogueId} has no plan ${may.plan.key}.`);
  return {
    account_id: subscription.accountId,
    plan: may.plan.key,
    plan_source: may.plan.source,
    plan_details: refOf(may.plan),
    status: may.status,
    cycle: subscription.cycle,
    price: priceOf(inForce),
    complimentary: subscription.complimentary,
    started_at: subscription.anchor.toISOString(),
    updated_at: subscription.updatedAt.toISOString(),
    current_period: { start: period.start.toISOString(), end: period.end.toISOString() },
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    access_ends_at: subscription.accessEndsAt?.toISOString() ?? null,
    scheduled_change: scheduledChangeOf(subscription),
    trial_ends_at: subscription.trialEndsAt?.toISOString() ?? null,
    catalogue: { id: sold.catalogueId, version: sold.version },
    features: Object.entries(may.features).flatMap(([name, { granted }]) => (granted ? [name] : [])),
    text_models: presentModels(may.textModels),
    image_models: presentModels(may.imageModels),
    embedding_models: presentModels(may.embeddingModels),
    qualities: [...may.qualities.allowed],
    platforms: [...may.platforms.allowed],
    limits: may.limits.map((limit) => ({ ...planLimitToWire(limit), source: limit.source })),
    valid_until: may.validUntil?.toISOString() ?? null,
  };
}

function modelsOf(choice: '*' | readonly string[], ladder: readonly string[]) {
  return { all: choice === '*', allowed: [...chosen(choice, ladder)] };
}

/** Of kinds that a catalogue sells only by name. */
function listedModelsOf(choice: '*' | readonly string[], ladder: readonly string[]) {
  return { ...modelsOf(choice, ladder), all: choice === '*' && ladder.length > 0 };
}

export function presentModels({ all, allowed, default: choice }: ModelGrant): PlanWire['text_models'] {
  return { all, allowed: [...allowed], default: choice };
}

type ModelGrant = {
  readonly all: boolean;
  readonly allowed: readonly string[];
  readonly default: string | null;
};
