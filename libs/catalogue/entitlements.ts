import type { AnalyticsDepth } from './analytics.ts';
import { effectiveLimits, type LimitInput } from './effective-limits.ts';
import { featureGrants, type Grant } from './features.ts';
import type { FeatureFlag } from './flags.ts';
import type { EffectiveLimit } from './limit.ts';
import { type ModelRoles, rolesOf } from './model-roles.ts';
import type { Catalogue, ContentCache, Plan } from './schema.ts';
import {
  type PlanInForce,
  planInForce,
  type SubscriptionState,
  type SubscriptionStatus,
  subscriptionBoundaries,
} from './subscription.ts';

/** Everything that determines the entitlements of an account. The same input gives the same result. */
export interface EntitlementInput extends LimitInput {
  /** The id of the catalogue version that the subscription is pinned to. */
  readonly catalogueVersion: string;
  readonly subscription: SubscriptionState;
  readonly flags: readonly FeatureFlag[];
}

/** A value and its source. */
export interface Sourced<Value> {
  readonly value: Value;
  readonly source: string;
}

export interface ModelEntitlement {
  /** Every model of the kind is allowed, including those that are not on the ladder. */
  readonly all: boolean;
  /** Allowed models of the ladder, from the lowest to the best. */
  readonly allowed: readonly string[];
  /** The model for a request without one: the plan's choice, else the lowest text or embedding model or the best image model. */
  readonly default: string | null;
  /** The whole ladder, in the order of fallbacks. */
  readonly ladder: readonly string[];
  readonly source: string;
}

export interface LadderEntitlement {
  readonly allowed: readonly string[];
  readonly ladder: readonly string[];
  readonly source: string;
}

/** What an account may do at an instant, each value with its source. */
export interface Entitlements {
  readonly catalogue: { readonly id: string; readonly version: string };
  readonly plan: {
    readonly key: string;
    readonly name: string;
    readonly rank: number;
    readonly source: string;
  };
  readonly status: SubscriptionStatus;
  readonly features: Readonly<Record<string, Grant>>;
  readonly flags: Readonly<Record<string, boolean>>;
  /** Content types that require a feature or have a limit. Other types are not restricted. */
  readonly contentTypes: Readonly<Record<string, Grant>>;
  readonly textModels: ModelEntitlement;
  readonly imageModels: ModelEntitlement;
  readonly embeddingModels: ModelEntitlement;
  readonly qualities: LadderEntitlement;
  readonly platforms: LadderEntitlement;
  readonly outputTokensCap: Sourced<number | null>;
  readonly maxParallel: Sourced<number | null>;
  readonly priority: Sourced<number>;
  readonly requestsPerMinute: Sourced<number | null>;
  readonly generationsPerMinute: Sourced<number | null>;
  readonly streamsPerUser: Sourced<number | null>;
  readonly analyticsDepth: Sourced<AnalyticsDepth | null>;
  readonly horizonDays: Sourced<number | null>;
  readonly support: Sourced<string | null>;
  readonly slaPct: Sourced<number | null>;
  readonly retentionDays: Sourced<number | null>;
  readonly modelRoles: ModelRoles;
  readonly contentCache: ContentCache;
  /** Kinds of requests whose texts are moderated. */
  readonly moderation: readonly string[];
  readonly limits: readonly EffectiveLimit[];
  /** Valid until just before this instant if only time passes; null: without end. */
  readonly validUntil: Date | null;
}

/** What an account may do at `now`. */
export function entitlementsAt(input: EntitlementInput, now: Date): Entitlements {
  const { catalogue } = input;
  const inForce = planAt(input, now);
  const { plan } = inForce;
  const { caps } = plan;
  const source = `plan:${plan.key}`;
  const subject = { accountId: input.accountId, plan: plan.key, segments: input.segments };
  const { features, flags } = featureGrants(catalogue, plan, input.overrides, input.flags, subject, now);
  const limits = effectiveLimits(input, plan, now);
  const text = modelsOf(caps.textModels, catalogue.textModels, source);
  const image = listedModelsOf(caps.imageModels, catalogue.imageModels, source);
  const embedding = listedModelsOf(caps.embeddingModels, catalogue.embeddingModels, source);
  return {
    catalogue: { id: catalogue.id, version: input.catalogueVersion },
    plan: { key: plan.key, name: plan.name, rank: plan.rank, source: inForce.source },
    status: input.subscription.status,
    features,
    flags,
    contentTypes: contentTypesOf(catalogue, features, limits),
    textModels: { ...text, default: caps.defaultTextModel ?? text.allowed[0] ?? null },
    imageModels: { ...image, default: caps.defaultImageModel ?? image.allowed.at(-1) ?? null },
    embeddingModels: {
      ...embedding,
      default: caps.defaultEmbeddingModel ?? embedding.allowed[0] ?? null,
    },
    qualities: { allowed: qualitiesOf(catalogue, plan), ladder: catalogue.qualities, source },
    platforms: { allowed: chosen(caps.platforms, catalogue.platforms), ladder: catalogue.platforms, source },
    outputTokensCap: { value: caps.outputTokensCap, source },
    maxParallel: { value: caps.maxParallel, source },
    priority: { value: caps.priority, source },
    requestsPerMinute: { value: caps.requestsPerMinute, source },
    generationsPerMinute: { value: caps.generationsPerMinute, source },
    streamsPerUser: { value: caps.streamsPerUser, source },
    analyticsDepth: { value: caps.analyticsDepth, source },
    horizonDays: { value: caps.horizonDays, source },
    support: { value: caps.support, source },
    slaPct: { value: caps.slaPct, source },
    retentionDays: { value: caps.retentionDays, source },
    modelRoles: rolesOf(catalogue, plan),
    contentCache: catalogue.contentCache,
    moderation: catalogue.moderation,
    limits,
    validUntil: boundariesOf(input).find((boundary) => boundary > now) ?? null,
  };
}

/** The plan of an account at an instant, and its source. */
export function planAt(input: EntitlementInput, at: Date): PlanInForce {
  return planInForce(input.catalogue, input.subscription, input.overrides, at);
}

/** The instants at which entitlements change by time alone, in order. */
export function boundariesOf(input: EntitlementInput): Date[] {
  const instants = [
    ...subscriptionBoundaries(input.subscription),
    ...input.overrides.flatMap(({ from, until }) => (until === null ? [from] : [from, until])),
  ].map((instant) => instant.getTime());
  return [...new Set(instants)].sort((left, right) => left - right).map((instant) => new Date(instant));
}

/** The qualities of a plan, from the lowest to its highest. */
export function qualitiesOf(catalogue: Catalogue, plan: Plan): readonly string[] {
  const { maxQuality } = plan.caps;
  return maxQuality === null
    ? catalogue.qualities
    : catalogue.qualities.slice(0, catalogue.qualities.indexOf(maxQuality) + 1);
}

/** The entries of a ladder that a plan includes, in the ladder's order. */
export function chosen(choice: '*' | readonly string[], ladder: readonly string[]): readonly string[] {
  return choice === '*' ? ladder : ladder.filter((name) => choice.includes(name));
}

function modelsOf(choice: '*' | readonly string[], ladder: readonly string[], source: string) {
  return { all: choice === '*', allowed: chosen(choice, ladder), ladder, source };
}

/** Of kinds that a catalogue sells only by name: without a list, it sells none. */
function listedModelsOf(choice: '*' | readonly string[], ladder: readonly string[], source: string) {
  return { ...modelsOf(choice, ladder, source), all: choice === '*' && ladder.length > 0 };
}

const GENERATIONS = 'gen.';

function contentTypesOf(
  catalogue: Catalogue,
  features: Readonly<Record<string, Grant>>,
  limits: readonly EffectiveLimit[],
): Record<string, Grant> {
  const metered = limits.map((limit) => limit.meter).filter((meter) => meter.startsWith(GENERATIONS));
  const types = new Set([
    ...Object.keys(catalogue.contentTypes),
    ...metered.map((meter) => meter.slice(GENERATIONS.length)),
  ]);
  return Object.fromEntries(
    [...types].map((type) => [type, contentTypeGrant(type, catalogue, features, limits)]),
  );
}

function contentTypeGrant(
  type: string,
  catalogue: Catalogue,
  features: Readonly<Record<string, Grant>>,
  limits: readonly EffectiveLimit[],
): Grant {
  const disabled = limits.find(
    (limit) => limit.meter === `${GENERATIONS}${type}` && limit.amount.kind === 'disabled',
  );
  if (disabled !== undefined) return { granted: false, source: disabled.source };
  const needed = catalogue.contentTypes[type];
  if (needed === undefined) return { granted: true, source: 'ungated' };
  const grants = needed.map((feature) => features[feature]).filter((grant) => grant !== undefined);
  return grants.find((grant) => grant.granted) ?? grants[0] ?? { granted: false, source: 'ungated' };
}
