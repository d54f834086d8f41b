import { type SearchRequest, searchWeb } from '#libs/contracts/search.ts';
import { chooseSearchModels, planSearch } from '#libs/pipelines/search.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import type { PriceBook } from '../prices/domain.ts';

/**
 * `POST /api/search`: one call for each provider that is asked.
 * @param providers those in use, the preferred first.
 */
export function searchRoute(
  priceBook: Pick<PriceBook, 'models' | 'priced'>,
  providers: readonly string[],
): MeteredRoute<SearchRequest> {
  return {
    operation: searchWeb,
    rateLimitClass: () => ({ generation: true, stream: false }),
    plan({ body, entitlements }) {
      const chosen = chooseSearchModels(priceBook.models(), entitlements.limits, body, providers);
      const priced = chosen.map((info) => {
        const { wire } = priceBook.priced(`${info.provider}/${info.model}`);
        return { model: info, price: wire };
      });
      return planSearch(priced, body.limit);
    },
  };
}
