/** Reads the texts that a request for content names, and chooses the providers of its research. */
import { callFirst } from '#libs/clients/call-first.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { CONTENT_INPUTS_PATH, type ContentInputs, contentInputs } from '#libs/contracts/content-inputs.ts';
import { chooseSearchModels, searchFallbacks } from '#libs/pipelines/search.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import type { EntitlementCheck } from '../entitlements/domain/check-entitlements.ts';
import type { Sender } from '../metering/domain/route.ts';
import type { PriceBook } from '../prices/domain.ts';
import type { ContentBody } from './domain.ts';

export type ContentSources = {
  /** One for each generation address. */
  generation: readonly InternalClient[];
  priceBook: PriceBook;
  /** Those in use, the preferred first. */
  searchProviders: readonly string[];
};

/** Fewer tokens in any window than this are a small or a tiny budget. */
const SMALL_BUDGET = 20_000n;
const TINY_BUDGET = 5_000n;

function budgetOf({ entitlements }: EntitlementCheck<ContentBody>): ContentInputs['budget'] {
  const tokens = entitlements.limits.flatMap(({ meter, amount }) =>
    meter === 'tokens.total' && amount.kind === 'n' ? [amount.n] : [],
  );
  if (tokens.some((most) => most < TINY_BUDGET)) return 'tiny';
  return tokens.some((most) => most < SMALL_BUDGET) ? 'small' : undefined;
}

/** @throws ProblemError `not_found`, `semantic_error`, `service_unavailable`. */
export async function readInputs(
  sources: ContentSources,
  check: EntitlementCheck<ContentBody>,
  { caller, requestId }: Sender,
): Promise<ContentInputs> {
  const { body } = check;
  const { inputs: _, resume: __, approval: ___, ...request } = body;
  const answer = await callFirst(sources.generation, {
    ...{ method: 'POST', path: CONTENT_INPUTS_PATH, requestId, caller },
    body: request,
    isIdempotent: true,
  });
  const budget = budgetOf(check);
  return {
    ...contentInputs.parse(answer),
    ...(body.research === true && researchInputs(sources, check)),
    ...(budget && { budget }),
  };
}

/** The providers that research asks, and those that replace one that fails. */
function researchInputs(
  { priceBook, searchProviders }: ContentSources,
  { body, entitlements }: EntitlementCheck<ContentBody>,
): Pick<ContentInputs, 'research' | 'research_fallbacks'> {
  const search = {
    provider: 'auto' as const,
    full_text: body.research_full_text === true,
    all_providers: body.research_all_providers === true,
  };
  const from = [priceBook.models(), entitlements.limits, search, searchProviders] as const;
  const providersOf = (models: readonly ModelInfo[]) => models.map(({ provider }) => provider);
  const fallbacks = providersOf(searchFallbacks(...from));
  return {
    research: providersOf(chooseSearchModels(...from)),
    ...(fallbacks.length > 0 && { research_fallbacks: fallbacks }),
  };
}
