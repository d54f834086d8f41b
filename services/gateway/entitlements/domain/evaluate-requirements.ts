/** Evaluates each kind of requirement against a plan. */
import { contentTypeGrant, fallbackModel, fallbackQuality, featureGrant } from '#libs/catalogue/access.ts';
import type { Catalogue } from '#libs/catalogue/schema.ts';
import {
  plansWith,
  plansWithContentType,
  plansWithFeature,
  plansWithQuality,
} from '#libs/catalogue/suggest.ts';
import type { BodyPatch, Requirement } from '#libs/contracts/requirements.ts';
import { problem } from '#libs/problems/problems.ts';
import { meteringUnavailable } from '#libs/service/refusal.ts';
import { allowedModels, mayUseModel, modelsOfKind, requestedModel } from './models.ts';
import { type Fallback, isMet, type MissingEntitlement, type RequirementContext } from './requirement.ts';

type RequirementOf<Kind extends Requirement['kind']> = Extract<Requirement, { kind: Kind }>;

/**
 * The requirements that the plan does not meet, in their order.
 *
 * @throws ProblemError for names that do not exist: `unknown_model`, `unpriced_model`, `invalid_request`.
 */
export function evaluateRequirements(
  requirements: readonly Requirement[],
  context: RequirementContext,
): MissingEntitlement[] {
  const missing: MissingEntitlement[] = [];
  for (const requirement of requirements) {
    const found = evaluate(requirement, context);
    if (found !== undefined) missing.push(found);
  }
  return missing;
}

function evaluate(requirement: Requirement, context: RequirementContext): MissingEntitlement | undefined {
  switch (requirement.kind) {
    case 'model':
      return isMet(requirement.when, context) ? evaluateModel(requirement, context) : undefined;
    case 'quality':
      return evaluateQuality(requirement, context);
    case 'platform':
      return evaluatePlatform(requirement, context);
    case 'content_types':
      return evaluateContentTypes(requirement, context);
    case 'feature':
      return isMet(requirement.when, context) ? evaluateFeature(requirement, context) : undefined;
  }
}

function evaluateModel(
  { of, field, without }: RequirementOf<'model'>,
  context: RequirementContext,
): MissingEntitlement | undefined {
  const { body, entitlements, priceBook, canServe } = context;
  const wanted = requestedModel(of, field === null ? undefined : body[field], entitlements);
  if (wanted === null) {
    return {
      code: 'model_not_in_plan',
      fields: { reason: 'model_restricted', available_models: [] },
      fallbacks: without === undefined ? [] : [leavingOut(without, body)],
      includedIn: () => [],
    };
  }
  const { info } = priceBook.priced(wanted);
  if (field === null || mayUseModel(entitlements, of, info)) return undefined;

  const models = modelsOfKind(entitlements, of);
  const available = allowedModels(entitlements, of, priceBook);
  const canRun = (model: string) => available.some((info) => info.model === model && canServe(info));
  const nearest = fallbackModel(
    {
      ...models,
      allowed: models.allowed.filter(canRun),
      default: models.default !== null && canRun(models.default) ? models.default : null,
    },
    info.model,
  );
  const choices = new Set([nearest, models.default].filter((name) => name !== null && canRun(name)));
  return {
    code: 'model_not_in_plan',
    detail: `The plan does not include the model ${info.model}.`,
    fields: {
      reason: 'model_restricted',
      model: info.model,
      available_models: available.map(({ model }) => model),
    },
    fallbacks: [...choices].map((model) => replacing(field, info.model, String(model))),
    includedIn: (catalogue) =>
      info.kind === of && (of === 'text' || of === 'image' || of === 'embedding')
        ? plansWith(catalogue, entitlements.plan.key, `${of}Models`, info.model)
        : [],
  };
}

/** A quality preset by name. @throws ProblemError `invalid_request` if there is none of this name. */
export function presetNamed(catalogue: Catalogue | undefined, name: string) {
  if (catalogue === undefined) throw meteringUnavailable(new Error('The catalogue could not be read.'));
  const presets = catalogue.qualityPresets;
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset !== undefined) return preset;
  throw problem('invalid_request', {
    detail: 'Unknown quality preset.',
    fields: { param: 'quality_preset', available_presets: Object.keys(presets) },
  });
}

function evaluateQuality(
  { field }: RequirementOf<'quality'>,
  context: RequirementContext,
): MissingEntitlement | undefined {
  const { body, catalogue, entitlements } = context;
  const { qualities, plan } = entitlements;
  const name = body[field];
  if (typeof name !== 'string') return undefined;
  const { quality } = presetNamed(catalogue, name);
  if (qualities.ladder.length === 0 || qualities.allowed.includes(quality)) return undefined;

  const presets = Object.entries(catalogue?.qualityPresets ?? {});
  const available = presets.filter(([, preset]) => qualities.allowed.includes(preset.quality));
  const lower = fallbackQuality(qualities, quality);
  const [nearest] = available.find(([, preset]) => preset.quality === lower) ?? [];
  return {
    code: 'quality_not_in_plan',
    fields: {
      reason: 'quality_restricted',
      quality,
      available_qualities: qualities.allowed,
      available_presets: available.map(([preset]) => preset),
    },
    fallbacks: nearest === undefined ? [] : [replacing(field, name, nearest)],
    includedIn: (version) => plansWithQuality(version, plan.key, quality),
  };
}

function evaluatePlatform(
  { field }: RequirementOf<'platform'>,
  context: RequirementContext,
): MissingEntitlement | undefined {
  const { platforms, plan } = context.entitlements;
  const platform = context.body[field];
  if (typeof platform !== 'string' || platforms.ladder.length === 0) return undefined;
  if (platforms.allowed.includes(platform)) return undefined;
  return {
    code: 'platform_not_in_plan',
    fields: { reason: 'platform_restricted', platform, available_platforms: platforms.allowed },
    // Another platform is a different image, not a lesser one.
    fallbacks: platforms.allowed.map((name) => ({ patch: { [field]: name }, degradation: null })),
    includedIn: (catalogue) => plansWith(catalogue, plan.key, 'platforms', platform),
  };
}

function evaluateContentTypes(
  { field, without = {} }: RequirementOf<'content_types'>,
  context: RequirementContext,
): MissingEntitlement | undefined {
  const { body, entitlements } = context;
  const asked = body[field] as readonly string[];
  const granted = (type: string) => contentTypeGrant(entitlements, type).granted;
  const [refused, ...others] = asked.filter((type) => !granted(type));
  if (refused === undefined) return undefined;
  const remaining = asked.filter(granted);
  return {
    code: 'content_type_not_in_plan',
    fields: {
      reason: 'content_type_restricted',
      content_type: refused,
      source: contentTypeGrant(entitlements, refused).source,
      available_content_types: Object.keys(entitlements.contentTypes).filter(granted),
    },
    fallbacks:
      remaining.length === 0
        ? []
        : [
            {
              patch: { [field]: remaining, ...presentIn(body, without) },
              degradation: { what: field, asked: asked.join(','), used: remaining.join(',') },
            },
          ],
    includedIn: (catalogue) => {
      const plansOf = (type: string) => plansWithContentType(catalogue, entitlements.plan.key, type);
      return others.reduce(
        (plans, type) => plans.filter((plan) => plansOf(type).includes(plan)),
        plansOf(refused),
      );
    },
  };
}

/** Of a patch, what changes the body. */
function presentIn(body: RequirementContext['body'], patch: BodyPatch): BodyPatch {
  return Object.fromEntries(Object.entries(patch).filter(([field]) => body[field] !== undefined));
}

function evaluateFeature(
  { feature, without }: RequirementOf<'feature'>,
  context: RequirementContext,
): MissingEntitlement | undefined {
  const { body, entitlements } = context;
  const { granted, source } = featureGrant(entitlements, feature);
  if (granted) return undefined;
  return {
    code: 'feature_not_in_plan',
    fields: { reason: 'feature_restricted', feature, source },
    fallbacks: without === null ? [] : [leavingOut(without, body)],
    includedIn: (catalogue) => plansWithFeature(catalogue, entitlements.plan.key, feature),
  };
}

function replacing(field: string, asked: string, used: string): Fallback {
  return { patch: { [field]: used }, degradation: { what: field, asked, used } };
}

function leavingOut(patch: BodyPatch, body: RequirementContext['body']): Fallback {
  const [[field, value] = ['', null]] = Object.entries(patch);
  const used = value === null || value === false ? null : String(value);
  return { patch, degradation: { what: field, asked: described(body[field]), used } };
}

function described(value: unknown): string {
  return typeof value === 'object' ? 'set' : String(value);
}
