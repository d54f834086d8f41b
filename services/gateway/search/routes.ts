import { type SearchRequest, searchWeb } from '#libs/contracts/search.ts';
import { chooseSearchModels, planSearch, searchFallbacks } from '#libs/pipelines/search.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import { type PriceBook, textModel } from '../prices/domain.ts';

/**
 * `POST /api/search`: one call for each provider that is asked.
 * @param providers those in use, the preferred first.
 */
export function searchRoute(
  priceBook: Pick<PriceBook, 'models' | 'priced'>,
  providers: readonly string[],
): MeteredRoute<SearchRequest> {
  const priced = ({ provider, model }: ModelInfo) => textModel(priceBook.priced(`${provider}/${model}`));
  return {
    operation: searchWeb,
    rateLimitClass: () => ({ generation: true, stream: false }),
    plan({ body, entitlements: { limits } }) {
      const models = priceBook.models();
      const chosen = chooseSearchModels(models, limits, body, providers).map(priced);
      return planSearch(chosen, body.limit, searchFallbacks(models, limits, body, providers).map(priced));
    },
    // A search that names its provider has no fallbacks.
    cheaper(check) {
      const { body, entitlements } = check;
      if (body.provider !== 'auto' || body.all_providers) return [];
      const [chosen] = chooseSearchModels(priceBook.models(), entitlements.limits, body, providers);
      const provider = chosen?.provider as SearchRequest['provider'];
      return [{ ...check, body: { ...body, provider } }];
    },
  };
}
