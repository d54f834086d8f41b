import { withSafetyCall } from '#libs/pipelines/safety.ts';
import type { TextModel } from '#libs/pipelines/text-call.ts';
import type { EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
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

/** The route, with a moderation of each prompt before anything is made from it. @param applies every request by default. */
export function moderatedRoute<B extends RequestBody>(
  route: MeteredRoute<B>,
  priceBook: Pick<PriceBook, 'models' | 'priced'>,
  applies: (check: EntitlementCheck<B>) => boolean = () => true,
): MeteredRoute<B> {
  return {
    ...route,
    plan(check, bounds) {
      const plan = route.plan(check, bounds);
      return applies(check) ? withSafetyCall(plan, moderationModel(priceBook)) : plan;
    },
  };
}

/** Whether the catalogue asks for the moderation of chats, or of content. */
export function isModerated(kind: 'chat' | 'content') {
  return ({ entitlements }: EntitlementCheck) => entitlements.moderation.includes(kind);
}
