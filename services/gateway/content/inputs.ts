/** Reads the texts that a request for content names, and chooses the providers of its research. */
import { callFirst } from '#libs/clients/call-first.ts';
import type { InternalClient } from '#libs/clients/internal-client.ts';
import { CONTENT_INPUTS_PATH, type ContentInputs, contentInputs } from '#libs/contracts/content-inputs.ts';
import { chooseSearchModels } from '#libs/pipelines/search.ts';
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
  { generation, priceBook, searchProviders }: ContentSources,
  check: EntitlementCheck<ContentBody>,
  { caller, requestId }: Sender,
): Promise<ContentInputs> {
  const { body, entitlements } = check;
  const research =
    body.research === true
      ? chooseSearchModels(
          priceBook.models(),
          entitlements.limits,
          {
            provider: 'auto',
            full_text: body.research_full_text === true,
            all_providers: body.research_all_providers === true,
          },
          searchProviders,
        ).map(({ provider }) => provider)
      : undefined;
  const { inputs: _, resume: __, approval: ___, ...request } = body;
  const answer = await callFirst(generation, {
    ...{ method: 'POST', path: CONTENT_INPUTS_PATH, requestId, caller },
    body: request,
    isIdempotent: true,
  });
  const budget = budgetOf(check);
  return {
    ...contentInputs.parse(answer),
    ...(research && { research }),
    ...(budget && { budget }),
  };
}
