import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { SearchSource } from '#libs/contracts/search.ts';
import type { Attempt } from '../calls/domain/run-call.ts';
import type { FoundSources, SearchAdapter, SearchOrder } from '../providers/domain/search-adapter.ts';

/** An attempt at a planned search. It is billed as the provider prices it: by the search or by the page. */
export function searchAttempt(
  { provider }: Pick<PlannedCall, 'provider'>,
  order: SearchOrder,
  searchFor: (provider: string) => SearchAdapter,
): Attempt<FoundSources> {
  return async (context, record) => {
    const found = await searchFor(provider).search(order, context);
    record.takeDocument(found.bytes, found.units);
    return found;
  };
}

/** The sources of several searches: the best of each first, each page once. */
export function mergeSources(lists: readonly (readonly SearchSource[])[], limit: number): SearchSource[] {
  const merged = new Map<string, SearchSource>();
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  for (let rank = 0; rank < longest; rank += 1) {
    for (const list of lists) {
      const source = list[rank];
      if (source !== undefined && !merged.has(pageOf(source.url))) merged.set(pageOf(source.url), source);
    }
  }
  return [...merged.values()].slice(0, limit);
}

/** Addresses that differ only in protocol, `www.`, a fragment or a slash at the end are the same page. */
function pageOf(url: string): string {
  return url
    .replace(/^https?:\/\/(www\.)?/, '')
    .replace(/#.*$/, '')
    .replace(/\/$/, '');
}
