/** Which models a plan lets an account call. */
import { isModelAllowed } from '#libs/catalogue/access.ts';
import type { Entitlements, ModelEntitlement } from '#libs/catalogue/entitlements.ts';
import type { ModelInfo, ModelKind } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import type { PriceBook, PricedModel } from '../../prices/domain.ts';

/** Kinds of models that plans choose from. */
export type PlanModelKind = Extract<
  ModelKind,
  'text' | 'image' | 'embedding' | 'moderation' | 'audio' | 'speech'
>;

/** A client that sends this name leaves the choice of the model to the plan. */
const PLAN_DEFAULT = 'auto';

/** Models that every plan includes: moderation costs nothing, and limits on seconds and cost bound audio. */
const ungated = (model: string): ModelEntitlement => ({
  all: true,
  allowed: [],
  default: model,
  ladder: [],
  source: 'ungated',
});
const MODERATION = ungated('omni-moderation-latest');
const AUDIO = ungated('whisper-1');
const SPEECH = ungated('tts-1');

export function modelsOfKind(entitlements: Entitlements, kind: PlanModelKind): ModelEntitlement {
  switch (kind) {
    case 'text':
      return entitlements.textModels;
    case 'image':
      return entitlements.imageModels;
    case 'embedding':
      return entitlements.embeddingModels;
    case 'moderation':
      return MODERATION;
    case 'audio':
      return AUDIO;
    case 'speech':
      return SPEECH;
  }
}

/** Kinds of which a catalogue sells only what it lists, even if its plans exclude nothing by name. */
const LISTED_KINDS: ReadonlySet<PlanModelKind> = new Set(['image', 'embedding']);

export function mayUseModel(entitlements: Entitlements, kind: PlanModelKind, info: ModelInfo): boolean {
  const models = modelsOfKind(entitlements, kind);
  if (info.kind !== kind || (LISTED_KINDS.has(kind) && models.ladder.length === 0)) return false;
  return isModelAllowed(models, info.model);
}

/** The models of a kind that an account may call: those of the ladder from the least to the best, then the others. */
export function allowedModels(
  entitlements: Entitlements,
  kind: PlanModelKind,
  priceBook: PriceBook,
): ModelInfo[] {
  const { ladder } = modelsOfKind(entitlements, kind);
  const position = ({ model }: ModelInfo) => (ladder.includes(model) ? ladder.indexOf(model) : ladder.length);
  return priceBook
    .models()
    .filter((info) => mayUseModel(entitlements, kind, info))
    .toSorted((one, other) => position(one) - position(other));
}

/** The model name of a request: the one in its field, else the plan's default; null if the plan has none. */
export function requestedModel(
  kind: PlanModelKind,
  field: unknown,
  entitlements: Entitlements,
): string | null {
  return typeof field === 'string' && field !== PLAN_DEFAULT
    ? field
    : modelsOfKind(entitlements, kind).default;
}

/**
 * The model of {@link requestedModel} with its price, whether or not the plan includes it.
 * @throws ProblemError `unknown_model`, `unpriced_model`, or `model_not_in_plan` if the plan has no model of the kind.
 */
export function resolveModel(
  kind: PlanModelKind,
  field: unknown,
  { entitlements, priceBook }: { entitlements: Entitlements; priceBook: PriceBook },
): PricedModel {
  const name = requestedModel(kind, field, entitlements);
  if (name === null) throw problem('model_not_in_plan', { fields: { plan: entitlements.plan.key } });
  return priceBook.priced(name);
}

/** The priced models of each role that writes, each with its fallbacks behind it. */
export type ModelChains = Readonly<Record<'writer' | 'fast', readonly PricedModel[]>>;

/** Whether a client leaves the choice of the model to us. */
export function isAuto(field: unknown): boolean {
  return field === undefined || field === null || field === PLAN_DEFAULT;
}

/**
 * The text model for `auto`: the plan's default if it can serve the request, else the first of the plan's models that can.
 * @throws ProblemError `model_not_in_plan` if the plan has no text model.
 */
export function autoTextModel(
  entitlements: Entitlements,
  priceBook: PriceBook,
  canServe: (model: ModelInfo) => boolean,
): PricedModel {
  const chosen = resolveModel('text', undefined, { entitlements, priceBook });
  if (canServe(chosen.info)) return chosen;
  const { writer, vision } = entitlements.modelRoles;
  return pricedOf([...writer, ...vision], priceBook).find(({ info }) => canServe(info)) ?? chosen;
}

/** The chains that begin with a model; undefined if the catalogue has no roles. */
export function chainsFrom(
  writer: PricedModel,
  { modelRoles }: Entitlements,
  priceBook: PriceBook,
): ModelChains | undefined {
  if (modelRoles.writer.length === 0) return undefined;
  const fast = pricedOf(modelRoles.fast, priceBook);
  const writers = pricedOf(modelRoles.writer, priceBook);
  return { writer: chainOf(writer, writers), fast: chainOf(fast[0] ?? writer, fast) };
}

/** Kinds whose other models do the same for a client that leaves the choice to us. Vectors of two models are not alike. */
const REPLACEABLE_KINDS: ReadonlySet<PlanModelKind> = new Set(['image', 'audio', 'speech']);

/** The models of the plan that may replace one of its kind, in the order in which they are tried. */
export function replacementsOf(
  chosen: PricedModel,
  kind: PlanModelKind,
  entitlements: Entitlements,
  priceBook: PriceBook,
): PricedModel[] {
  if (!REPLACEABLE_KINDS.has(kind)) return [];
  return chainOf(chosen, bestFirst(kind, entitlements, priceBook)).slice(1);
}

/** The priced models of a kind that an account may call, from the best to the least. */
export function bestFirst(
  kind: PlanModelKind,
  entitlements: Entitlements,
  priceBook: PriceBook,
): PricedModel[] {
  const names = allowedModels(entitlements, kind, priceBook).map(
    ({ provider, model }) => `${provider}/${model}`,
  );
  return pricedOf(names.reverse(), priceBook);
}

/** The models of the plan that see: the one for `auto`, then those that may replace it. */
export function visionChain(
  entitlements: Entitlements,
  priceBook: PriceBook,
): [PricedModel, ...PricedModel[]] {
  const sees = ({ capabilities }: ModelInfo) => capabilities.vision;
  const chosen = autoTextModel(entitlements, priceBook, sees);
  const others = pricedOf(entitlements.modelRoles.vision, priceBook).filter(({ info }) => sees(info));
  return [chosen, ...chainOf(chosen, others).slice(1)];
}

/** More would make holds larger than they need to be. */
const MAX_FALLBACKS = 2;

/** The models below the first come before those above it, and other providers before its own, which may be down. */
function chainOf(first: PricedModel, models: readonly PricedModel[]): PricedModel[] {
  const at = models.findIndex(({ info }) => info.model === first.info.model);
  const others = [...models.slice(at + 1), ...models.slice(0, Math.max(0, at)).reverse()];
  const isElsewhere = ({ info }: PricedModel) => info.provider !== first.info.provider;
  const ordered = [...others.filter(isElsewhere), ...others.filter((other) => !isElsewhere(other))];
  return [first, ...ordered.slice(0, MAX_FALLBACKS)];
}

/** Without those that have no price now. */
export function pricedOf(models: readonly string[], priceBook: PriceBook): PricedModel[] {
  return models.flatMap((model) => {
    try {
      return [priceBook.priced(model)];
    } catch {
      return [];
    }
  });
}
