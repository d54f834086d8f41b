import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { problem } from '#libs/problems/problems.ts';
import { type Attempt, type CallRunner, type ProviderCall, runCall } from '../../calls/domain/run-call.ts';
import { sendJson, storedResponseOf } from './figures.ts';
import type { GenerationRequest } from './generation-request.ts';
import type { ResponseSender } from './handler.ts';

/** The call of a request whose plan has one. @throws ProblemError `invalid_request` for any other plan. */
export function onlyCall({ plan }: GenerationRequest): PlannedCall {
  const [call, ...others] = plan.calls;
  if (call === undefined || others.length > 0) {
    throw problem('invalid_request', { detail: 'The request must consist of exactly one call.' });
  }
  return call;
}

/**
 * Runs the only call of a request, whose answer is a document, of JSON unless a content type is given. It is settled before
 * the document is sent.
 */
export async function answerWithDocument(
  runner: CallRunner,
  request: GenerationRequest,
  response: ResponseSender,
  countPrompt: (call: PlannedCall) => Promise<number>,
  attempt: Attempt<Buffer>,
  contentType?: string,
  planned: PlannedCall = onlyCall(request),
): Promise<void> {
  const { requestId, active, settlement, slot } = request;
  const providerCall: ProviderCall<Buffer> = {
    requestId,
    call: planned,
    active,
    settlement,
    isLast: () => true,
    countPrompt,
    ...(slot && {
      beforeSettle: (figures, body) => slot.store(storedResponseOf('json', figures, body, contentType)),
    }),
  };
  const { result, figures } = await runCall(runner, providerCall, attempt);
  sendJson(response, figures, result, contentType);
}
