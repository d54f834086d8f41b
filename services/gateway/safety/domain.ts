import { withSafetyCall } from '#libs/pipelines/safety.ts';
import type { TextModel } from '#libs/pipelines/text-call.ts';
import type { RequestBody } from '../entitlements/domain/requirement.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import type { PriceBook } from '../prices/domain.ts';

/** The model that moderates prompts; undefined if the price book has none. */
export function moderationModel({
  models,
  priced,
}: Pick<PriceBook, 'models' | 'priced'>): TextModel | undefined {
  const info = models().find(({ kind }) => kind === 'moderation');
  return info && { model: info, price: priced(`${info.provider}/${info.model}`).wire };
}

/** The route, with a moderation of each prompt before anything is made from it. */
export function moderatedRoute<B extends RequestBody>(
  route: MeteredRoute<B>,
  priceBook: Pick<PriceBook, 'models' | 'priced'>,
): MeteredRoute<B> {
  return {
    ...route,
    plan: (check, bounds) => withSafetyCall(route.plan(check, bounds), moderationModel(priceBook)),
  };
}
