import { callFirst } from '#libs/clients/call-first.ts';
import { REWRITE_INPUTS_PATH, rewriteInputs } from '#libs/contracts/content-inputs.ts';
import { rewriteSection } from '#libs/contracts/documents.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import type { OperationRequest } from '#libs/service/serve-operation.ts';
import type { MeteredRoute } from '../metering/domain/route.ts';
import type { PreparedRequest } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import type { ContentBody } from './domain.ts';
import type { ContentSources } from './inputs.ts';
import { planGeneratedContent } from './plan.ts';
import { jobRouteBase } from './routes.ts';

/**
 * `POST /api/documents/{id}/sections/{section}/rewrite`: a job that writes one section of an article anew.
 *
 * @throws ProblemError `not_found`, `semantic_error`, `service_unavailable`.
 */
export async function prepareRewrite(
  { generation, priceBook }: ContentSources,
  { params, body, id: requestId, caller, rawBody }: OperationRequest<typeof rewriteSection>,
): Promise<PreparedRequest<ContentBody>> {
  const { instructions = null, words = null, base_version = null, brand_voice = null, model } = body;
  const answer = await callFirst(generation, {
    ...{ method: 'POST', path: REWRITE_INPUTS_PATH, requestId, caller },
    body: { document_id: params.id, section: params.section, instructions, words, base_version, brand_voice },
    isIdempotent: true,
  });
  const { language, inputs } = rewriteInputs.parse(answer);
  const request = generateRequest.parse({
    document_id: params.id,
    content_types: ['blog'],
    ...(language !== null && { language }),
    ...(model !== undefined && { model }),
  });
  const route: MeteredRoute<ContentBody> = {
    ...jobRouteBase,
    operation: rewriteSection,
    // Generation receives the request for content; its key is compared by what the client sent.
    adapt: (check) => ({ body: { ...check.body }, ignored: [] }),
    plan: (check, bounds) => planGeneratedContent('job', check, bounds, priceBook),
  };
  const moderated = moderatedRoute(route, priceBook, isModerated('content'));
  return { body: { ...request, inputs }, route: moderated, bytes: rawBody ?? Buffer.alloc(0) };
}
