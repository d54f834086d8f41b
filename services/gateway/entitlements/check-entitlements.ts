/**
 * The one place where a request is compared with its account's plan. What an operation needs is data in its contract;
 * here it is granted, replaced by something the plan has, or refused with everything a client needs to go on.
 */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import { presentSuggestedPlan } from '#libs/clients/plan-suggestions.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import type { BodyPatch, Degradation, Requirement } from '#libs/contracts/requirements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
import type { PriceBook, PricedModel } from '../metering/price-book.ts';
import { requireGoodStanding } from './account-status.ts';
import { evaluateRequirements, wantedModel } from './evaluate-requirements.ts';
import type { ChosenKind } from './model-access.ts';
import { type Fallback, type GatedRequest, type MissingEntitlement, patched } from './requirement.ts';

export type GatedBody = Readonly<Record<string, unknown>> & { allow_degraded?: boolean | undefined };

export type GateRequest<B extends GatedBody> = {
  readonly needs: readonly Requirement[];
  readonly body: B;
  readonly caller: Caller;
  readonly entitlements: Entitlements;
  /** Whether a model can do what the request asks of it, so that nothing is offered that fails. */
  readonly isUsable?: (model: ModelInfo) => boolean;
};

export type GateDependencies = {
  priceBook: PriceBook;
  catalogueOf: (entitlements: Entitlements) => Promise<Catalogue | undefined>;
};

/** A request that its plan serves. */
export type EntitlementCheck<B extends GatedBody = GatedBody> = {
  readonly entitlements: Entitlements;
  /** As it is served, which is as it came unless something was degraded. */
  readonly body: B;
  /** The model it needs, or the plan's own of a kind that it names none of. @throws ProblemError where there is none. */
  readonly model: (of: ChosenKind) => PricedModel;
  /** Read for operations that need a quality; undefined otherwise. */
  readonly catalogue: Catalogue | undefined;
  readonly degraded: readonly Degradation[];
};

/**
 * @throws ProblemError for an account that may do nothing now, for names that do not exist, and for what the plan does
 * not include, with `fallback_options`: changes to the request, each of which makes it one that the plan serves.
 */
export async function checkEntitlements<B extends GatedBody>(
  { needs, body, caller, entitlements, isUsable = () => true }: GateRequest<B>,
  { priceBook, catalogueOf }: GateDependencies,
): Promise<EntitlementCheck<B>> {
  requireGoodStanding(entitlements);
  // Qualities are named by the catalogue's presets; everything else is in the entitlements.
  const isNeeded = needs.some(({ kind }) => kind === 'quality');
  const catalogue = isNeeded ? await catalogueOf(entitlements) : undefined;
  const request = { body, caller, entitlements, priceBook, catalogue, isUsable };
  const lacks = lacksOf(needs, request);
  const granted = (served: B, degraded: readonly Degradation[]): EntitlementCheck<B> => ({
    entitlements,
    body: served,
    model: (of) => wantedModel(of, modelNamed(needs, of, served), request),
    catalogue,
    degraded,
  });
  if (lacks.length === 0) return granted(body, []);

  const degradations = lacks.map(({ fallbacks: [nearest] }) => nearest?.degradation ?? null);
  const isDegradable = degradations.every((degradation) => degradation !== null);
  if (body.allow_degraded === true && isDegradable) {
    const served = patched(body, combined(lacks.flatMap(({ fallbacks }) => fallbacks.slice(0, 1))));
    return granted(served, degradations);
  }
  throw refusalOf(lacks, request, catalogue ?? (await catalogueOf(entitlements)));
}

function lacksOf(needs: readonly Requirement[], request: GatedRequest): MissingEntitlement[] {
  return needs.map((need) => evaluateRequirements(need, request)).filter((lack) => lack !== undefined);
}

function modelNamed(needs: readonly Requirement[], of: ChosenKind, body: GatedBody): unknown {
  const need = needs.find((candidate) => candidate.kind === 'model' && candidate.of === of);
  return need?.kind === 'model' ? body[need.field] : undefined;
}

function combined(fallbacks: readonly Fallback[]): BodyPatch {
  return Object.assign({}, ...fallbacks.map(({ patch }) => patch));
}

/** Named after the first thing that is lacking; what it offers makes up for all of them. */
function refusalOf(
  lacks: readonly MissingEntitlement[],
  { entitlements }: GatedRequest,
  catalogue: Catalogue | undefined,
): ProblemError {
  const { code } = lacks[0] as MissingEntitlement;
  return problem(code, {
    fields: {
      ...Object.assign({}, ...lacks.map(({ fields }) => fields).reverse()),
      plan: entitlements.plan.key,
      fallback_options: optionsOf(lacks),
      ...(catalogue && { suggested_plans: suggestedPlans(lacks, catalogue) }),
    },
  });
}

/**
 * Every option is complete. The first is the nearest to what was asked; the others replace one part of it by another
 * choice. None at all where something that is lacking cannot be done without.
 */
function optionsOf(lacks: readonly MissingEntitlement[]): { [field: string]: never }[] {
  const nearest = lacks.map(({ fallbacks }) => fallbacks[0]);
  if (!nearest.every((fallback) => fallback !== undefined)) return [];
  const others = lacks.flatMap(({ fallbacks }, position) =>
    fallbacks.slice(1).map((fallback) => nearest.with(position, fallback)),
  );
  return [nearest, ...others].map((choice) => combined(choice) as { [field: string]: never });
}

function suggestedPlans(lacks: readonly MissingEntitlement[], catalogue: Catalogue) {
  const [first = [], ...others] = lacks.map(({ includedIn }) => includedIn(catalogue));
  return first.filter((plan) => others.every((plans) => plans.includes(plan))).map(presentSuggestedPlan);
}
