/** Web search: which providers a request asks, and what their calls can cost at most. */
import type { Amount } from '#libs/catalogue/limit.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { SEARCH_PROVIDERS, type SearchRequest, type SearchSource } from '#libs/contracts/search.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { planChain, type TextModel } from './text-call.ts';

export const SEARCH_STEP = 'search';

/** Providers that return only summaries of pages. */
const SUMMARIES_ONLY: ReadonlySet<string> = new Set(['serper']);

/** One search. Providers that price pages are asked for at most as many as there are sources. */
export function planSearchCall({ model, price }: TextModel, index: number, limit: number): PlannedCall {
  return {
    index,
    step: SEARCH_STEP,
    provider: model.provider,
    model: model.model,
    upstreamModel: model.upstreamModel,
    inputTokens: 0,
    outputTokens: 0,
    choices: 1,
    otherUnits: model.kind === 'page' ? { page: limit } : { search: 1 },
    counts: {},
    price,
    hiddenReasoning: false,
  };
}

/** @param fallbacks are asked in this order if the only model fails. */
export function planSearch(
  models: readonly TextModel[],
  limit: number,
  fallbacks: readonly TextModel[] = [],
): CallPlan {
  const calls = models.map((model, index) =>
    planChain({ ...model, fallbacks }, (one) => planSearchCall(one, index, limit)),
  );
  return { kind: 'search', calls };
}

/**
 * The search models that a request asks.
 *
 * @param models all models of the price book.
 * @param limits of the account; `auto` does not ask a provider whose calls they disable.
 * @param configured the providers in use, the preferred first.
 * @throws ProblemError `unsupported_parameter` for texts of a provider without them, `meter_disabled` without a provider.
 */
export function chooseSearchModels(
  models: readonly ModelInfo[],
  limits: readonly { meter: string; amount: Amount }[],
  request: Pick<SearchRequest, 'provider' | 'full_text' | 'all_providers'>,
  configured: readonly string[] = SEARCH_PROVIDERS,
): ModelInfo[] {
  const found = modelsInUse(models, configured);
  if (request.provider !== 'auto' && !request.all_providers) {
    if (request.full_text && SUMMARIES_ONLY.has(request.provider)) {
      throw problem('unsupported_parameter', {
        detail: `${request.provider} returns summaries only.`,
        fields: { param: 'full_text' },
      });
    }
    // The ledger refuses a provider that the plan disables, and says which limit does.
    const named = found.filter(({ provider }) => provider === request.provider);
    if (named.length > 0) return named;
  }
  const usable = usableModels(found, limits, request);
  if (usable.length === 0) {
    throw problem('service_unavailable', { detail: 'No search provider is in use that the plan includes.' });
  }
  return request.all_providers ? usable : usable.slice(0, 1);
}

/** The search models that are asked if that of `auto` fails. None for a request that names a provider, or asks all. */
export function searchFallbacks(
  models: readonly ModelInfo[],
  limits: readonly { meter: string; amount: Amount }[],
  request: Pick<SearchRequest, 'provider' | 'full_text' | 'all_providers'>,
  configured: readonly string[] = SEARCH_PROVIDERS,
): ModelInfo[] {
  if (request.provider !== 'auto' || request.all_providers) return [];
  return usableModels(modelsInUse(models, configured), limits, request).slice(1, 1 + MAX_FALLBACKS);
}

const MAX_FALLBACKS = 2;

function modelsInUse(models: readonly ModelInfo[], configured: readonly string[]): ModelInfo[] {
  return configured.flatMap((provider) => models.filter((info) => info.provider === provider));
}

function usableModels(
  models: readonly ModelInfo[],
  limits: readonly { meter: string; amount: Amount }[],
  { full_text: fullText }: Pick<SearchRequest, 'full_text'>,
): ModelInfo[] {
  const isDisabled = (provider: string) =>
    limits.some(({ meter, amount }) => meter === `calls.${provider}` && amount.kind === 'disabled');
  return models.filter(
    ({ provider }) => !isDisabled(provider) && !(fullText && SUMMARIES_ONLY.has(provider)),
  );
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
