/**
 * Compares a request with its account's plan. The requirements of an operation are data in its contract; here they are
 * met, replaced by a fallback that the plan includes, or refused.
 */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { priceOf, refOf } from '#libs/contracts/plan-ref.ts';
import type { BodyPatch, Degradation, Requirement } from '#libs/contracts/requirements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { PriceBook, PricedModel } from '../../prices/domain.ts';
import { requireActiveSubscription } from './account-status.ts';
import { evaluateRequirements } from './evaluate-requirements.ts';
import {
  autoTextModel,
  bestFirst,
  chainsFrom,
  isAuto,
  type ModelChains,
  type PlanModelKind,
  pricedOf,
  replacementsOf,
  resolveModel,
  visionChain,
} from './models.ts';
import {
  type Fallback,
  isMet,
  type MissingEntitlement,
  patched,
  type RequestBody,
  type RequirementContext,
} from './requirement.ts';

export type EntitlementRequest<B extends RequestBody> = {
  readonly requirements: readonly Requirement[];
  readonly body: B;
  readonly caller: Caller;
  readonly entitlements: Entitlements;
  /** Whether a model can serve the request, so that no fallback is offered that would fail. */
  readonly canServe?: (model: ModelInfo) => boolean;
};

export type EntitlementDependencies = {
  priceBook: PriceBook;
  catalogueOf: (entitlements: Entitlements) => Promise<Catalogue | undefined>;
};

/** A request that its plan allows. */
export type EntitlementCheck<B extends RequestBody = RequestBody> = {
  readonly entitlements: Entitlements;
  /** The body to serve: as it came, or degraded. */
  readonly body: B;
  /** The model of each requirement that names a kind of model. */
  readonly models: Readonly<Partial<Record<PlanModelKind, PricedModel>>>;
  /** The models by role, if the client leaves the choice to us and the catalogue states roles. */
  readonly chains?: ModelChains | undefined;
  /** Models that may replace those of `models` that we chose, if the plan has any, in the order in which they are tried. */
  readonly fallbacks?: Readonly<Partial<Record<PlanModelKind, readonly PricedModel[]>>>;
  /** Cheaper models than the one that `auto` selects, for a request that its limits do not admit; the best first. */
  readonly cheaper?: readonly PricedModel[];
  /** Read for operations that require a quality; undefined otherwise. */
  readonly catalogue: Catalogue | undefined;
  readonly degraded: readonly Degradation[];
};

const NO_DEGRADATION: readonly Degradation[] = [];

/**
 * @throws ProblemError for an account that may not spend, for names that do not exist, and for requirements that the
 * plan does not meet, with `fallback_options`: changes to the request, each of which the plan allows.
 */
export async function checkEntitlements<B extends RequestBody>(
  { requirements, body, caller, entitlements, canServe = () => true }: EntitlementRequest<B>,
  { priceBook, catalogueOf }: EntitlementDependencies,
): Promise<EntitlementCheck<B>> {
  requireActiveSubscription(entitlements);
  // Only qualities are named by the catalogue's presets; the entitlements hold everything else.
  const needsCatalogue = requirements.some(({ kind }) => kind === 'quality');
  const catalogue = needsCatalogue ? await catalogueOf(entitlements) : undefined;
  const context = { body, caller, entitlements, priceBook, catalogue, canServe };
  const missing = evaluateRequirements(requirements, context);
  if (missing.length === 0) return allowed(requirements, context, body, NO_DEGRADATION);

  const degradations = missing.map(({ fallbacks: [nearest] }) => nearest?.degradation ?? null);
  const isDegradable = degradations.every((degradation) => degradation !== null);
  if (body.allow_degraded === true && isDegradable) {
    const served = patched(body, combined(missing.flatMap(({ fallbacks }) => fallbacks.slice(0, 1))));
    return allowed(requirements, context, served, degradations);
  }
  throw refusalOf(missing, entitlements, catalogue ?? (await catalogueOf(entitlements)));
}

function allowed<B extends RequestBody>(
  requirements: readonly Requirement[],
  context: RequirementContext,
  body: B,
  degraded: readonly Degradation[],
): EntitlementCheck<B> {
  const { entitlements, catalogue, caller } = context;
  let auto: Pick<EntitlementCheck, 'chains' | 'cheaper'> = {};
  const models: Partial<Record<PlanModelKind, PricedModel>> = {};
  const fallbacks: Partial<Record<PlanModelKind, readonly PricedModel[]>> = {};
  for (const requirement of requirements) {
    if (requirement.kind !== 'model' || !isMet(requirement.when, { body, caller })) continue;
    const { of: kind, field } = requirement;
    const wanted = field === null ? undefined : body[field];
    if (!isAuto(wanted)) {
      models[kind] = resolveModel(kind, wanted, context);
      continue;
    }
    const [chosen, ...others] = chooseModel(requirement, context);
    models[kind] = chosen;
    if (others.length > 0) fallbacks[kind] = others;
    if (field !== null) auto = autoChoice(kind, chosen, context);
  }
  const hasFallbacks = Object.keys(fallbacks).length > 0;
  return { entitlements, body, models, catalogue, degraded, ...auto, ...(hasFallbacks && { fallbacks }) };
}

/** The model for `auto`, and those that may replace it. Texts have {@link ModelChains} instead. */
function chooseModel(
  { of: kind, role }: Extract<Requirement, { kind: 'model' }>,
  context: RequirementContext,
): [PricedModel, ...PricedModel[]] {
  const { entitlements, priceBook, canServe } = context;
  if (role === 'vision') return visionChain(entitlements, priceBook);
  if (kind === 'text') return [autoTextModel(entitlements, priceBook, canServe)];
  const chosen = resolveModel(kind, undefined, context);
  return [chosen, ...replacementsOf(chosen, kind, entitlements, priceBook)];
}

function autoChoice(
  kind: PlanModelKind,
  chosen: PricedModel,
  { entitlements, priceBook }: RequirementContext,
): Pick<EntitlementCheck, 'chains' | 'cheaper'> {
  if (kind === 'image') return { cheaper: below(chosen, bestFirst('image', entitlements, priceBook)) };
  const chains = kind === 'text' ? chainsFrom(chosen, entitlements, priceBook) : undefined;
  if (chains === undefined) return {};
  return { chains, cheaper: below(chosen, pricedOf(entitlements.modelRoles.writer, priceBook)) };
}

/** @param models the best first. */
function below({ info }: PricedModel, models: readonly PricedModel[]): PricedModel[] {
  return models.slice(models.findIndex((one) => one.info.model === info.model) + 1);
}

function combined(fallbacks: readonly Fallback[]): BodyPatch {
  return Object.assign({}, ...fallbacks.map(({ patch }) => patch));
}

/** The code is that of the first missing entitlement; the fallbacks avoid all of them. */
function refusalOf(
  missing: readonly MissingEntitlement[],
  entitlements: Entitlements,
  catalogue: Catalogue | undefined,
): ProblemError {
  const { code, detail } = missing[0] as MissingEntitlement;
  return problem(code, {
    ...(detail !== undefined && { detail }),
    fields: {
      ...Object.assign({}, ...missing.map(({ fields }) => fields).reverse()),
      plan: entitlements.plan.key,
      fallback_options: fallbackOptions(missing),
      ...(catalogue && { suggested_plans: suggestedPlans(missing, catalogue) }),
    },
  });
}

/**
 * Every option is complete. The first is nearest to the request; each other option replaces one part of the first.
 * Empty if something that is missing has no fallback.
 */
function fallbackOptions(missing: readonly MissingEntitlement[]): { [field: string]: never }[] {
  const nearest = missing.map(({ fallbacks }) => fallbacks[0]);
  if (!nearest.every((fallback) => fallback !== undefined)) return [];
  const others = missing.flatMap(({ fallbacks }, position) =>
    fallbacks.slice(1).map((fallback) => nearest.with(position, fallback)),
  );
  return [nearest, ...others].map((choice) => combined(choice) as { [field: string]: never });
}

function suggestedPlans(missing: readonly MissingEntitlement[], catalogue: Catalogue) {
  const [first = [], ...others] = missing.map(({ includedIn }) => includedIn(catalogue));
  return first
    .filter((plan) => others.every((plans) => plans.includes(plan)))
    .map((plan) => ({ ...refOf(plan), price: priceOf(plan) }));
}

/** The model of a kind that the operation always requires. @throws Error if it requires none. */
export function requiredModel(
  { models }: Pick<EntitlementCheck, 'models'>,
  kind: PlanModelKind,
): PricedModel {
  const model = models[kind];
  if (model === undefined) throw new Error(`The operation does not require a ${kind} model.`);
  return model;
}

/** The same request for less: without what would be held for fallbacks. None if it has no fallbacks. */
export function withoutReserve<B extends RequestBody>(check: EntitlementCheck<B>): EntitlementCheck<B>[] {
  const { fallbacks, ...alone } = check;
  return fallbacks === undefined ? [] : [alone];
}
