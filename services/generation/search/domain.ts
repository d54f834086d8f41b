import type { Attempt } from '../calls/domain/run-call.ts';
import type { FoundSources, SearchAdapter, SearchOrder } from '../providers/domain/search-adapter.ts';

/** An attempt at a planned search. It is billed as the provider prices it: by the search or by the page. */
export function searchAttempt(
  order: SearchOrder,
  searchFor: (provider: string) => SearchAdapter,
): Attempt<FoundSources> {
  return async (context, record, { provider }) => {
    const found = await searchFor(provider).search(order, context);
    record.takeDocument(found.bytes, found.units);
    return found;
  };
}
