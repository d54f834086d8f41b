/** Which models a plan lets an account call. */
import { isModelAllowed } from '#libs/catalogue/access.ts';
import type { Entitlements, ModelEntitlement } from '#libs/catalogue/entitlements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { PriceBook } from '../metering/price-book.ts';

/** Kinds of models that plans choose from. */
export type ChosenKind = 'text' | 'image';

export function modelsOfKind({ textModels, imageModels }: Entitlements, kind: ChosenKind): ModelEntitlement {
  return kind === 'text' ? textModels : imageModels;
}

/** A catalogue that names no image models sells none, though its plans exclude none by name. */
export function mayUseModel(entitlements: Entitlements, kind: ChosenKind, info: ModelInfo): boolean {
  const models = modelsOfKind(entitlements, kind);
  if (info.kind !== kind || (kind === 'image' && models.ladder.length === 0)) return false;
  return isModelAllowed(models, info.model);
}

/** The models of a kind that an account may call: those of the ladder from the least to the best, then the others. */
export function allowedModels(
  entitlements: Entitlements,
  kind: ChosenKind,
  priceBook: PriceBook,
): ModelInfo[] {
  const { ladder } = modelsOfKind(entitlements, kind);
  const position = ({ model }: ModelInfo) => (ladder.includes(model) ? ladder.indexOf(model) : ladder.length);
  return priceBook
    .models()
    .filter((info) => mayUseModel(entitlements, kind, info))
    .toSorted((one, other) => position(one) - position(other));
}
