import { callFirst } from '#libs/clients/call-first.ts';
import { generateRequest } from '#libs/contracts/generate.ts';
import { draftInboxReply, inboxMessagePath, messageToAnswer } from '#libs/contracts/inbox.ts';
import type { OperationRequest } from '#libs/service/serve-operation.ts';
import type { PreparedRequest } from '../metering/plugin.ts';
import { isModerated, moderatedRoute } from '../safety/domain.ts';
import type { ContentBody } from './domain.ts';
import type { ContentSources } from './inputs.ts';
import { createGenerationRoute } from './routes.ts';

/**
 * `POST /api/inbox/messages/{id}/draft`: a job that drafts replies to a message.
 *
 * @throws ProblemError `not_found`, `service_unavailable`.
 */
export async function prepareDraft(
  sources: ContentSources,
  { params, body, id: requestId, caller, rawBody }: OperationRequest<typeof draftInboxReply>,
): Promise<PreparedRequest<ContentBody>> {
  const path = inboxMessagePath(params.id);
  const answer = await callFirst(sources.generation, { method: 'GET', path, requestId, caller });
  const { network, text, author, contact } = messageToAnswer.parse(answer);
  const request = generateRequest.parse({ ...body, text, content_types: ['reply'], networks: [network] });
  const message = { id: params.id, author, contact };
  const route = { ...createGenerationRoute(sources), operation: draftInboxReply };
  return {
    body: { ...request, inputs: { message } },
    route: moderatedRoute(route, sources.priceBook, isModerated('content')),
    bytes: rawBody ?? Buffer.alloc(0),
  };
}
