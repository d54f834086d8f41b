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
