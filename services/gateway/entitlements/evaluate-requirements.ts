/** What a plan says to each kind of need. */
import { contentTypeGrant, fallbackModel, fallbackQuality, featureGrant } from '#libs/catalogue/access.ts';
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
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
import type { PricedModel } from '../metering/price-book.ts';
import { allowedModels, type ChosenKind, mayUseModel, modelsOfKind } from './model-access.ts';
import { type Fallback, type GatedRequest, isMet, type MissingEntitlement } from './requirement.ts';

/** The name by which a client leaves the choice of a model to us. */
const ANY_MODEL = 'auto';

/** There is not even one to name. */
const NO_MODEL: MissingEntitlement = {
  code: 'model_not_in_plan',
  fields: { reason: 'model_restricted', available_models: [] },
  fallbacks: [],
  includedIn: () => [],
};

type NeedOf<Kind extends Requirement['kind']> = Extract<Requirement, { kind: Kind }>;

/**
 * What the plan lacks of a need; undefined where it has it all.
 *
 * @throws ProblemError for names that do not exist: `unknown_model`, `unpriced_model`, `invalid_request`.
 */
export function evaluateRequirements(
  need: Requirement,
  request: GatedRequest,
): MissingEntitlement | undefined {
  switch (need.kind) {
    case 'model':
      return judgeModel(need, request);
    case 'quality':
      return judgeQuality(need, request);
    case 'platform':
      return judgePlatform(need, request);
    case 'content_types':
      return judgeContentTypes(need, request);
    case 'feature':
      return isMet(need.when, request) ? judgeFeature(need, request) : undefined;
  }
}

/** The name of the model that a request means; null where it names none and the plan has none. */
function modelMeant(of: ChosenKind, named: unknown, entitlements: Entitlements): string | null {
  return typeof named === 'string' && named !== ANY_MODEL ? named : modelsOfKind(entitlements, of).default;
}

/**
 * The model that a request names, or the plan's own where it names none, whether or not the plan has it.
 * @throws ProblemError `unknown_model`, `unpriced_model`, or `model_not_in_plan` where the plan has no model at all.
 */
export function wantedModel(
  of: ChosenKind,
  named: unknown,
  { entitlements, priceBook }: Pick<GatedRequest, 'entitlements' | 'priceBook'>,
): PricedModel {
  const wanted = modelMeant(of, named, entitlements);
  if (wanted === null) throw problem('model_not_in_plan', { fields: { plan: entitlements.plan.key } });
  return priceBook.priced(wanted);
}

function judgeModel({ of, field }: NeedOf<'model'>, request: GatedRequest): MissingEntitlement | undefined {
  const { body, entitlements, priceBook, isUsable } = request;
  const wanted = modelMeant(of, body[field], entitlements);
  if (wanted === null) return NO_MODEL;
  const { info } = priceBook.priced(wanted);
  if (mayUseModel(entitlements, of, info)) return undefined;

  const models = modelsOfKind(entitlements, of);
  const usable = allowedModels(entitlements, of, priceBook).filter(isUsable);
  const canRun = (model: string) => usable.some((candidate) => candidate.model === model);
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
    fields: {
      reason: 'model_restricted',
      model: info.model,
      available_models: allowedModels(entitlements, of, priceBook).map(({ model }) => model),
    },
    fallbacks: [...choices].map((model) => replacing(field, info.model, String(model))),
    includedIn: (catalogue) =>
      info.kind === of
        ? plansWith(
            catalogue,
            entitlements.plan.key,
            of === 'text' ? 'textModels' : 'imageModels',
            info.model,
          )
        : [],
  };
}

/** A preset by name. @throws ProblemError `invalid_request` for one that does not exist. */
export function presetNamed(catalogue: Catalogue | undefined, name: string) {
  if (catalogue === undefined) throw meteringUnavailable(new Error('the catalogue could not be read'));
  const presets = catalogue.qualityPresets;
  const preset = Object.hasOwn(presets, name) ? presets[name] : undefined;
  if (preset !== undefined) return preset;
  throw problem('invalid_request', {
    detail: `There is no quality preset of this name.`,
    fields: { param: 'quality_preset', available_presets: Object.keys(presets) },
  });
}

function judgeQuality({ field }: NeedOf<'quality'>, request: GatedRequest): MissingEntitlement | undefined {
  const { body, catalogue, entitlements } = request;
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

function judgePlatform({ field }: NeedOf<'platform'>, request: GatedRequest): MissingEntitlement | undefined {
  const { platforms, plan } = request.entitlements;
  const platform = request.body[field];
  if (typeof platform !== 'string' || platforms.ladder.length === 0) return undefined;
  if (platforms.allowed.includes(platform)) return undefined;
  return {
    code: 'platform_not_in_plan',
    fields: { reason: 'platform_restricted', platform, available_platforms: platforms.allowed },
    // An image for one platform is no lesser image for another.
    fallbacks: platforms.allowed.map((name) => ({ patch: { [field]: name }, degradation: null })),
    includedIn: (catalogue) => plansWith(catalogue, plan.key, 'platforms', platform),
  };
}

function judgeContentTypes(
  { field }: NeedOf<'content_types'>,
  request: GatedRequest,
): MissingEntitlement | undefined {
  const { body, entitlements } = request;
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
              patch: { [field]: remaining },
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

function judgeFeature(
  { feature, without }: NeedOf<'feature'>,
  request: GatedRequest,
): MissingEntitlement | undefined {
  const { body, entitlements } = request;
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

function leavingOut(patch: BodyPatch, body: GatedRequest['body']): Fallback {
  const [[field, value] = ['', null]] = Object.entries(patch);
  const used = value === null || value === false ? null : String(value);
  return { patch, degradation: { what: field, asked: shown(body[field]), used } };
}

function shown(value: unknown): string {
  return typeof value === 'object' ? 'set' : String(value);
}
