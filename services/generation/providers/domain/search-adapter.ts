/** The interface to search providers. An adapter makes one call through its vendor's API; it never retries and never logs. */
import { hash } from 'node:crypto';
import type { SearchSource } from '#libs/contracts/search.ts';
import type { Units } from '#libs/pricing/units.ts';
import type { CallContext } from './provider-adapter.ts';

export type SearchOrder = {
  query: string;
  /** Sources at most. */
  limit: number;
  /** The text of the pages instead of summaries, where the provider has it. */
  fullText: boolean;
};

export type FoundSources = {
  sources: SearchSource[];
  /** What the provider bills for them: searches or pages. */
  units: Units;
  /** Of the provider's answer. */
  bytes: number;
};

export type SearchAdapter = {
  /** @throws ProviderError */
  readonly search: (order: SearchOrder, context: CallContext) => Promise<FoundSources>;
};

/** The longest text that is kept of a page, in characters. */
export const LONGEST_SOURCE_TEXT = 20_000;
const LONGEST_TITLE = 300;
const ID_LENGTH = 8;

/** A source as a provider describes it; null without a usable URL or text. */
export function sourceOf(
  provider: SearchSource['provider'],
  { url, title, text }: { url: unknown; title: unknown; text: unknown },
): SearchSource | null {
  const address = typeof url === 'string' ? URL.parse(url) : null;
  if (address === null || !/^https?:$/.test(address.protocol)) return null;
  if (typeof text !== 'string' || text.trim() === '') return null;
  const name = typeof title === 'string' && title.trim() !== '' ? title : address.host;
  return {
    id: sourceId(address.href),
    title: clean(name).slice(0, LONGEST_TITLE),
    url: address.href,
    text: clean(text).slice(0, LONGEST_SOURCE_TEXT).toWellFormed(),
    provider,
  };
}

/** The same for the same URL, so that citations survive a second search. */
export function sourceId(url: string): string {
  return `src_${hash('sha256', url).slice(0, ID_LENGTH)}`;
}

const clean = (text: string) => text.replaceAll('\u0000', '').toWellFormed().trim();
