/** Reads the texts that a request for content names, and chooses the providers of its research. */
import type { InternalAnswer, InternalClient, InternalRequest } from '#libs/clients/internal-client.ts';
import { CONTENT_INPUTS_PATH, type ContentInputs, contentInputs } from '#libs/contracts/content-inputs.ts';
import { chooseSearchModels } from '#libs/pipelines/search.ts';
import { PROBLEMS, type ProblemCode } from '#libs/problems/catalogue.ts';
import { type ProblemError, problem } from '#libs/problems/problems.ts';
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

/** @throws ProblemError `not_found`, `semantic_error`, `service_unavailable`. */
export async function readInputs(
  { generation, priceBook, searchProviders }: ContentSources,
  { body, entitlements }: EntitlementCheck<ContentBody>,
  { caller, requestId }: Sender,
): Promise<ContentInputs> {
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
  const answer = await callGeneration(generation, {
    ...{ method: 'POST', path: CONTENT_INPUTS_PATH, requestId, caller },
    body: request,
  });
  return { ...contentInputs.parse(answer), ...(research && { research }) };
}

/**
 * The answer of the first generation process that is reached.
 *
 * @throws ProblemError its problem, or `service_unavailable`.
 */
export async function callGeneration(
  clients: readonly InternalClient[],
  request: InternalRequest,
): Promise<unknown> {
  let failure: unknown;
  for (const client of clients) {
    let answer: InternalAnswer;
    try {
      answer = await client.call(request);
    } catch (error) {
      failure = error;
      continue;
    }
    if (answer.status < 300) return answer.body;
    throw problemOf(answer);
  }
  throw unavailable(failure);
}

/** A refusal as generation words it; anything that is not the client's fault is ours. */
function problemOf({ status, body }: InternalAnswer): ProblemError {
  const { code, detail, param } = (body ?? {}) as { code?: string; detail?: string; param?: string };
  const isKnown = code !== undefined && Object.hasOwn(PROBLEMS, code) && code !== 'route_not_found';
  if (!isKnown || status >= 500 || status === 401)
    return unavailable(new Error(`Generation answered ${status}.`));
  return problem(code as ProblemCode, {
    ...(detail !== undefined && { detail }),
    ...(param !== undefined && { fields: { param } }),
  });
}

function unavailable(cause: unknown): ProblemError {
  return problem('service_unavailable', { cause, headers: { 'retry-after': '1' } });
}
