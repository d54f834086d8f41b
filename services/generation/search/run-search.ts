import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { SearchRequest, SearchSource } from '#libs/contracts/search.ts';
import { mergeSources } from '#libs/pipelines/search.ts';
import { configuredCall } from '../calls/domain/configured-call.ts';
import {
  type CallRunner,
  type Figures,
  type ProviderCall,
  runCall,
  type SettledFigures,
} from '../calls/domain/run-call.ts';
import type { SearchAdapter } from '../providers/domain/search-adapter.ts';
import { searchAttempt } from './domain.ts';

export type SearchResults = {
  sources: SearchSource[];
  /** Providers that failed. */
  incomplete: SearchSource['provider'][];
  searches: number;
  pages: number;
};

export type SearchRun = Pick<ProviderCall, 'requestId' | 'active' | 'settlement'> & {
  request: SearchRequest;
  calls: readonly PlannedCall[];
  searchFor: (provider: string) => SearchAdapter;
  /** Called when everything is complete, before the last call is settled. Must not throw. */
  onComplete: (results: SearchResults, figures: Figures) => Promise<void>;
};

/**
 * Asks the planned providers at the same time, and settles each call when it ends. Sources that are paid for are delivered
 * even if other providers fail.
 *
 * @throws ProblemError if every provider fails.
 */
export async function runSearch(
  runner: CallRunner,
  run: SearchRun,
): Promise<{ results: SearchResults; figures: SettledFigures }> {
  const { calls, request } = run;
  const order = { query: request.query, limit: request.limit, fullText: request.full_text };
  const lists = new Map<number, readonly SearchSource[]>();
  const used = { searches: 0, pages: 0 };
  const total: SettledFigures = { costNanoUsd: 0n, tokens: 0, state: 'ok' };
  let unsettled = calls.length;

  const results = (): SearchResults => ({
    sources: mergeSources(
      calls.flatMap(({ index }) => [lists.get(index) ?? []]),
      request.limit,
    ),
    incomplete: calls
      .filter(({ index }) => !lists.has(index))
      .map(({ provider }) => provider as SearchSource['provider']),
    ...used,
  });

  async function search(planned: PlannedCall): Promise<void> {
    const call = configuredCall(planned, run.searchFor);
    const isLast = () => {
      unsettled -= 1;
      return unsettled === 0;
    };
    const beforeSettle = async (figures: Figures) => {
      if (unsettled === 1) await run.onComplete(results(), add(total, figures));
    };
    const ask = searchAttempt(order, run.searchFor);
    try {
      const { figures } = await runCall(
        runner,
        { ...run, call, isLast, beforeSettle },
        async (...attempt) => {
          const { sources, units } = await ask(...attempt);
          lists.set(call.index, sources);
          used.searches += units.search ?? 0;
          used.pages += units.page ?? 0;
        },
      );
      Object.assign(total, add(total, figures), { state: figures.state });
    } catch (error) {
      // Sources that are not settled must not be delivered.
      lists.delete(call.index);
      throw error;
    }
  }

  const outcomes = await Promise.allSettled(calls.map(search));
  if (lists.size === 0) {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
  return { results: results(), figures: total };
}

function add(one: Figures, other: Figures): Figures {
  return { costNanoUsd: one.costNanoUsd + other.costNanoUsd, tokens: one.tokens + other.tokens };
}
