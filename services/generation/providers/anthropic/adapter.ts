import type { NormalisedChat, ProviderAdapter } from '../domain/provider-adapter.ts';
import { readTier } from '../domain/service-tier.ts';
import { fieldsOf } from '../json.ts';
import type { AnswerHead } from '../translated-answer.ts';
import { toAnthropicRequest } from './request.ts';
import { createStreamReader, fromAnthropicMessage } from './response.ts';
import { anthropicUnits } from './usage.ts';

/** Anthropic's messages. @param options.newId names an answer to which the vendor gave no id. */
export function createAnthropicAdapter(options: { now: () => Date; newId: () => string }): ProviderAdapter {
  const head = ({ model }: NormalisedChat): AnswerHead => ({
    id: options.newId(),
    model,
    createdAtSeconds: Math.floor(options.now().getTime() / 1000),
  });
  return {
    toRequest: (chat, stream) => ({
      path: '/v1/messages',
      body: { ...toAnthropicRequest(chat), ...(stream && { stream }) },
    }),
    readAnswer(document, chat) {
      const { usage } = fieldsOf(document);
      return {
        completion: fromAnthropicMessage(document, head(chat)),
        units: anthropicUnits(usage),
        serviceTier: readTier(fieldsOf(usage).service_tier),
        isVerbatim: false,
      };
    },
    createStreamReader: (chat) => createStreamReader(head(chat)),
  };
}
