import type { Dispatcher } from 'undici';
import type { SearchProvider } from '#libs/contracts/search.ts';
import { ProviderError } from '../domain/provider-error.ts';
import type { ProviderAccess } from '../domain/providers.ts';
import {
  LONGEST_SOURCE_TEXT,
  type SearchAdapter,
  type SearchOrder,
  sourceOf,
} from '../domain/search-adapter.ts';
import { bearerEndpoint, type Endpoint, postTo } from '../endpoint.ts';
import { type JsonObject, objectsIn } from '../json.ts';
import { fetchDocument } from '../read-document.ts';

/** What differs between the APIs: where a search goes, what it sends, and where its results are. */
type Vendor = {
  path: string;
  endpoint: (access: ProviderAccess) => Endpoint;
  body: (order: SearchOrder) => object;
  /** The list of results; undefined if the answer has none. */
  results: (document: JsonObject) => unknown;
  read: (result: JsonObject) => { url: unknown; title: unknown; text: unknown };
  /** Firecrawl prices each page that it reads, the others each search. */
  unit: 'search' | 'page';
};

const keyHeader =
  (header: string) =>
  ({ baseUrl, apiKey }: ProviderAccess): Endpoint => ({
    baseUrl,
    headers: [header, apiKey],
    requestIdHeader: 'x-request-id',
  });

const VENDORS: Readonly<Record<SearchProvider, Vendor>> = {
  /** @see https://docs.tavily.com/documentation/api-reference/endpoint/search */
  tavily: {
    path: '/search',
    endpoint: bearerEndpoint,
    // The basic depth is one credit; the advanced one would be two.
    body: ({ query, limit, fullText }) => ({
      query,
      max_results: limit,
      search_depth: 'basic',
      include_raw_content: fullText ? 'markdown' : false,
    }),
    results: ({ results }) => results,
    read: ({ url, title, content, raw_content: page }) => ({ url, title, text: page || content }),
    unit: 'search',
  },
  /** @see https://serper.dev/playground */
  serper: {
    path: '/search',
    endpoint: keyHeader('x-api-key'),
    body: ({ query, limit }) => ({ q: query, num: limit }),
    results: ({ organic }) => organic,
    read: ({ link, title, snippet }) => ({ url: link, title, text: snippet }),
    unit: 'search',
  },
  /** @see https://docs.exa.ai/reference/search */
  exa: {
    path: '/search',
    endpoint: keyHeader('x-api-key'),
    body: ({ query, limit, fullText }) => ({
      query,
      type: 'auto',
      numResults: limit,
      contents: { text: { maxCharacters: fullText ? LONGEST_SOURCE_TEXT : 1_000 } },
    }),
    results: ({ results }) => results,
    read: ({ url, title, text }) => ({ url, title, text }),
    unit: 'search',
  },
  /** @see https://docs.firecrawl.dev/api-reference/endpoint/search */
  firecrawl: {
    path: '/v2/search',
    endpoint: bearerEndpoint,
    body: ({ query, limit }) => ({
      query,
      limit,
      sources: ['web'],
      scrapeOptions: { formats: ['markdown'], onlyMainContent: true },
    }),
    results: ({ data }) => (data as JsonObject | undefined)?.web,
    read: ({ url, title, markdown, description }) => ({ url, title, text: markdown || description }),
    unit: 'page',
  },
};

/** Search through one of the providers. */
export function createSearchAdapter(
  provider: SearchProvider,
  access: ProviderAccess,
  dispatcher: Dispatcher,
): SearchAdapter {
  const vendor = VENDORS[provider];
  const endpoint = vendor.endpoint(access);
  return {
    async search(order, context) {
      const sent = { path: vendor.path, body: JSON.stringify(vendor.body(order)) };
      const { document, bytes } = await fetchDocument(dispatcher, postTo(endpoint, sent, context), context);
      const results = vendor.results(document);
      if (!Array.isArray(results))
        throw new ProviderError('malformed', "The provider's answer has no results.");
      const read = objectsIn(results).slice(0, order.limit);
      const sources = read
        .map((result) => sourceOf(provider, vendor.read(result)))
        .filter((source) => source !== null);
      return {
        sources,
        units: { [vendor.unit]: vendor.unit === 'page' ? read.length : 1 },
        bytes: bytes.length,
      };
    },
  };
}
