import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import type { Attempt } from '../calls/domain/run-call.ts';
import type { ChatSource } from '../providers/domain/chat-source.ts';
import type { NormalisedChat } from '../providers/domain/provider-adapter.ts';
import { ProviderError } from '../providers/domain/provider-error.ts';

/** A planned call as a chat: the model and caps of the plan with messages that we compose. */
export function plannedChat(call: PlannedCall, messages: ChatMessage[]): NormalisedChat {
  return {
    body: {
      model: call.model,
      messages,
      ...(call.reasoningEffort && { reasoning_effort: call.reasoningEffort }),
    },
    model: call.model,
    upstreamModel: call.upstreamModel,
    outputTokens: call.outputTokens,
    choices: call.choices,
  };
}

/** An attempt that resolves to the complete text. */
export function textAttempt(
  messages: ChatMessage[],
  sourceFor: (provider: string) => ChatSource,
): Attempt<string> {
  return async (context, record, call) => {
    const answer = await sourceFor(call.provider).chat(plannedChat(call, messages), context);
    record.takeAnswer(answer);
    return requireText(answer.completion.choices[0]?.message.content ?? '');
  };
}

/** Fails a call that returned no text: its tokens are charged, but its resource (such as an article) is not counted. */
export function requireText(text: string): string {
  if (text.trim() === '') throw new ProviderError('refused', 'The model returned no text.');
  return text;
}
