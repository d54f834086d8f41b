import { type SearchRequest, searchRequest } from '#libs/contracts/search.ts';
import { formatUsd } from '#libs/money/money.ts';
import type { CallRunner, Figures } from '../calls/domain/run-call.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { sendJson, storedResponseOf } from '../requests/domain/figures.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';
import { runSearch, type SearchResults } from './run-search.ts';

export type SearchOptions = { runner: CallRunner; providers: Pick<Providers, 'forSearch'> };

/** Sources about a question. Each call is settled before its sources are sent. */
export function createSearchHandler({ runner, providers }: SearchOptions): GenerationHandler {
  return async ({ requestId, active, settlement, plan, slot }, input, response) => {
    const request = parseBody(searchRequest, input.body);
    const { results, figures } = await runSearch(runner, {
      requestId,
      active,
      settlement,
      request,
      calls: plan.calls,
      searchFor: providers.forSearch,
      onComplete: async (found, known) => {
        await slot?.store(storedResponseOf('json', known, present(request, found, known)));
      },
    });
    sendJson(response, figures, present(request, results, figures));
  };
}

function present(
  { query }: SearchRequest,
  { sources, incomplete, searches, pages }: SearchResults,
  { costNanoUsd }: Figures,
): Buffer {
  const usage = { cost_usd: formatUsd(costNanoUsd), searches, pages };
  return Buffer.from(JSON.stringify({ query, sources, incomplete, usage }));
}
