/** Answers in Anthropic's form (https://docs.claude.com/en/api/messages#response-content). */
import type { AnswerUsage, ChatCompletion, FinishReason } from '#libs/contracts/chat-answers.ts';
import { visibleReasoning, visibleText } from '../chat/domain/answer-text.ts';

const STOP_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

export function stopReasonOf(
  finish: FinishReason | null,
  hasToolCalls: boolean,
  stopSequence?: string,
): string {
  if (stopSequence !== undefined) return 'stop_sequence';
  // Some vendors end an answer with tool calls as any other.
  if (hasToolCalls && finish === 'stop') return 'tool_use';
  return STOP_REASONS[finish ?? 'stop'] ?? 'end_turn';
}

/** Anthropic's ids have a prefix of their own. */
export function messageIdOf(id: string): string {
  return id.startsWith('msg_') ? id : `msg_${id.replace(/^[a-z]+-/, '')}`;
}

/** Anthropic counts tokens that were read from or written to a cache separately from the rest of the prompt. */
export function usageOf(usage: AnswerUsage | null | undefined) {
  const {
    cached_tokens: read = 0,
    cache_write_tokens: written = 0,
    cache_write_1h_tokens: writtenForAnHour = 0,
  } = usage?.prompt_tokens_details ?? {};
  return {
    input_tokens: Math.max(0, (usage?.prompt_tokens ?? 0) - read - written),
    cache_creation_input_tokens: written,
    cache_read_input_tokens: read,
    cache_creation: {
      ephemeral_5m_input_tokens: written - writtenForAnHour,
      ephemeral_1h_input_tokens: writtenForAnHour,
    },
    output_tokens: usage?.completion_tokens ?? 0,
    output_tokens_details: {
      thinking_tokens: usage?.completion_tokens_details?.reasoning_tokens ?? 0,
    },
    server_tool_use: null,
    service_tier: 'standard',
  };
}

export function toMessage(completion: ChatCompletion): object {
  const [choice] = completion.choices;
  const message = choice?.message;
  const calls = message?.tool_calls ?? [];
  const text = message ? visibleText(message) : '';
  const reasoning = message ? visibleReasoning(message) : '';
  const thoughts =
    message?.thinking_blocks ??
    (reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: '' }]);
  return {
    id: messageIdOf(completion.id),
    type: 'message',
    role: 'assistant',
    model: completion.model,
    content: [
      ...thoughts,
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...calls.map(({ id, function: called }) => ({
        type: 'tool_use',
        id,
        name: called.name,
        input: inputOf(called.arguments),
      })),
    ],
    stop_reason: stopReasonOf(choice?.finish_reason ?? null, calls.length > 0, choice?.stop_sequence),
    stop_sequence: choice?.stop_sequence ?? null,
    usage: usageOf(completion.usage),
  };
}

/** Arguments that are not an object, for example because the cap cut them short, are left out. */
function inputOf(text: string): object {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
