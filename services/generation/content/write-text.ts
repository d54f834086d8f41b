import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { PlannedCall } from '#libs/contracts/work.ts';
import type { CallRecord } from '../calls/call-record.ts';
import type { Attempt } from '../calls/run-call.ts';
import type { ChatSource } from '../providers/chat-source.ts';
import type { NormalisedChat } from '../providers/port.ts';
import { ProviderError } from '../providers/provider-error.ts';

/** A planned call as a chat: the plan's model and caps, our own messages. */
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

/** One attempt at a whole text. */
export function writeAnswer(
  call: PlannedCall,
  messages: ChatMessage[],
  sourceFor: (provider: string) => ChatSource,
): Attempt<string> {
  const source = sourceFor(call.provider);
  const chat = plannedChat(call, messages);
  return async (context, record) => {
    const { bytes, completion, units } = await source.chat(chat, context);
    record.responseBytes = bytes.length;
    record.text = completion.choices[0]?.message.content ?? '';
    if (units) record.usage = { units, final: true };
    return requireText(record);
  };
}

/** Tokens were used, but there is nothing to deliver: the call is charged, and what it was for is not counted. */
export function requireText({ text }: CallRecord): string {
  if (text.trim() === '') throw new ProviderError('refused', 'The model wrote nothing.');
  return text;
}
