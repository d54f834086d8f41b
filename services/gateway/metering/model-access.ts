/** Which models a plan lets an account call. */
import type { Entitlements } from '#libs/catalogue/entitlements.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import type { PriceBook, PricedModel } from './price-book.ts';

export function mayUseTextModel({ textModels }: Entitlements, info: ModelInfo): boolean {
  if (info.kind !== 'text') return false;
  return textModels.all || textModels.allowed.includes(info.model);
}

/** The text models an account may call, in the price book's order. */
export function allowedTextModels(entitlements: Entitlements, priceBook: PriceBook): ModelInfo[] {
  return priceBook.models().filter((info) => mayUseTextModel(entitlements, info));
}

/**
 * The text model a client asked for, or the plan's default where it named none.
 * @throws ProblemError `unknown_model`, `unpriced_model`, `model_not_in_plan`.
 */
export function requireTextModel(
  entitlements: Entitlements,
  priceBook: PriceBook,
  name: string | undefined,
): PricedModel {
  const wanted = name ?? entitlements.textModels.default;
  if (wanted === null) throw problem('model_not_in_plan', { fields: { plan: entitlements.plan.key } });
  const model = priceBook.priced(wanted);
  if (mayUseTextModel(entitlements, model.info)) return model;
  const available = allowedTextModels(entitlements, priceBook).map((info) => info.model);
  throw problem('model_not_in_plan', {
    fields: { model: wanted, plan: entitlements.plan.key, available_models: available },
  });
}
