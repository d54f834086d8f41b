import { moderationRequest } from '#libs/contracts/moderations.ts';
import type { CallRunner } from '../calls/domain/run-call.ts';
import type { Providers } from '../providers/domain/providers.ts';
import { answerWithDocument, onlyCall } from '../requests/domain/answer-with-document.ts';
import { type GenerationHandler, parseBody } from '../requests/domain/handler.ts';

export type ModerationsOptions = { runner: CallRunner; providers: Pick<Providers, 'forModerations'> };

const noTokens = async () => 0;

/** One provider call, which costs nothing and is recorded as a request. */
export function createModerationsHandler({ runner, providers }: ModerationsOptions): GenerationHandler {
  return async (request, { body }, response) => {
    const { provider, upstreamModel, otherUnits } = onlyCall(request);
    const order = { ...parseBody(moderationRequest, body), model: upstreamModel };
    const adapter = providers.forModerations(provider);
    await answerWithDocument(runner, request, response, noTokens, async (context, record) => {
      const bytes = await adapter.moderate(order, context);
      record.takeDocument(bytes.length, otherUnits);
      return bytes;
    });
  };
}
