import type Anthropic from '@anthropic-ai/sdk';
import type {
  AnswerToolCall,
  ChatCompletion,
  ChatCompletionChunk,
  FinishReason,
  MessageDelta,
  ThinkingBlock,
} from '../domain/chat-format.ts';
import type { ChatDelta } from '../domain/provider-adapter.ts';
import { ProviderError } from '../domain/provider-error.ts';
import { largerUsage } from '../token-count.ts';
import { toOpenAiUsage } from '../usage-format.ts';
import { anthropicUnits } from './usage.ts';

/** https://docs.anthropic.com/en/api/handling-stop-reasons */
const FINISH_REASONS: Readonly<Record<Anthropic.StopReason, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
};

function finishOf(reason: Anthropic.StopReason | null): FinishReason {
  return (reason && FINISH_REASONS[reason]) ?? 'stop';
}

/** Metadata of an answer. */
export type AnswerHead = { model: string; createdAtSeconds: number };

/** @throws ProviderError `malformed` if it is not a message. */
export function fromAnthropicMessage(message: Anthropic.Message, head: AnswerHead): ChatCompletion {
  if (!Array.isArray(message?.content)) {
    throw new ProviderError('malformed', "The provider's answer has no content.");
  }
  const texts: string[] = [];
  const thoughts: string[] = [];
  const signed: ThinkingBlock[] = [];
  const toolCalls: AnswerToolCall[] = [];
  for (const block of message.content) {
    if (block.type === 'text') texts.push(block.text);
    else if (block.type === 'thinking') {
      thoughts.push(block.thinking);
      signed.push({ type: 'thinking', thinking: block.thinking, signature: block.signature });
    } else if (block.type === 'redacted_thinking') {
      signed.push({ type: 'redacted_thinking', data: block.data });
    } else if (block.type === 'tool_use') {
      const call = { name: block.name, arguments: JSON.stringify(block.input ?? {}) };
      toolCalls.push({ id: block.id, type: 'function', function: call });
    }
  }
  const reasoning = thoughts.join('');
  const units = anthropicUnits(message.usage);
  return {
    id: message.id,
    object: 'chat.completion',
    created: head.createdAtSeconds,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: texts.length === 0 && toolCalls.length > 0 ? null : texts.join(''),
          refusal: null,
          ...(reasoning !== '' && { reasoning_content: reasoning }),
          ...(signed.length > 0 && { thinking_blocks: signed }),
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finishOf(message.stop_reason),
        ...(message.stop_sequence && { stop_sequence: message.stop_sequence }),
      },
    ],
    ...(units && { usage: toOpenAiUsage(units) }),
  };
}

export type StreamTranslator = {
  /** Translates an event into chunks; many events have none. */
  readonly translate: (event: Anthropic.RawMessageStreamEvent) => ChatDelta[];
  /** Whether the answer is complete. */
  readonly isFinished: () => boolean;
};

/** Translates one streamed message, event by event. */
export function createStreamTranslator(head: AnswerHead): StreamTranslator {
  let id = '';
  let usage: unknown;
  let isFinished = false;
  /** Anthropic numbers all content blocks together; OpenAI numbers tool calls separately. */
  const toolIndexes = new Map<number, number>();

  const chunk = (delta: MessageDelta, finish: FinishReason | null = null): ChatCompletionChunk => ({
    id,
    object: 'chat.completion.chunk',
    created: head.createdAtSeconds,
    model: head.model,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

  function start({ message }: Anthropic.RawMessageStartEvent): ChatDelta[] {
    id = message.id;
    usage = message.usage;
    const units = anthropicUnits(usage);
    const first = chunk({ role: 'assistant', content: '' });
    return [{ chunk: first, ...(units && { usage: { units, final: false } }) }];
  }

  function startBlock({ index, content_block: block }: Anthropic.RawContentBlockStartEvent): ChatDelta[] {
    if (block.type === 'redacted_thinking') {
      const redacted = { type: 'redacted_thinking' as const, data: block.data };
      return [{ chunk: chunk({ thinking_blocks: [redacted] }) }];
    }
    if (block.type !== 'tool_use') return [];
    const toolIndex = toolIndexes.size;
    toolIndexes.set(index, toolIndex);
    const call = { index: toolIndex, id: block.id, type: 'function' as const };
    return [{ chunk: chunk({ tool_calls: [{ ...call, function: { name: block.name, arguments: '' } }] }) }];
  }

  function continueBlock({ index, delta }: Anthropic.RawContentBlockDeltaEvent): ChatDelta[] {
    if (delta.type === 'text_delta') return [{ chunk: chunk({ content: delta.text }) }];
    if (delta.type === 'thinking_delta' && delta.thinking !== '') {
      return [{ chunk: chunk({ reasoning_content: delta.thinking }) }];
    }
    if (delta.type === 'signature_delta') {
      const signature = { type: 'thinking' as const, thinking: '', signature: delta.signature };
      return [{ chunk: chunk({ thinking_blocks: [signature] }) }];
    }
    const toolIndex = toolIndexes.get(index);
    if (delta.type !== 'input_json_delta' || delta.partial_json === '' || toolIndex === undefined) return [];
    const call = { index: toolIndex, function: { arguments: delta.partial_json } };
    return [{ chunk: chunk({ tool_calls: [call] }) }];
  }

  function end(event: Anthropic.RawMessageDeltaEvent): ChatDelta[] {
    isFinished = true;
    // later reports may omit figures that have not changed
    usage = largerUsage(usage, event.usage);
    const units = anthropicUnits(usage);
    const finish = { chunk: chunk({}, finishOf(event.delta.stop_reason)) };
    const { stop_sequence: stopSequence } = event.delta;
    for (const choice of finish.chunk.choices) if (stopSequence) choice.stop_sequence = stopSequence;
    if (units === undefined) return [finish];
    const last = { ...chunk({}), choices: [], usage: toOpenAiUsage(units) };
    return [finish, { chunk: last, usage: { units, final: true } }];
  }

  return {
    isFinished: () => isFinished,
    translate(event) {
      switch (event.type) {
        case 'message_start':
          return start(event);
        case 'content_block_start':
          return startBlock(event);
        case 'content_block_delta':
          return continueBlock(event);
        case 'message_delta':
          return end(event);
        default:
          return [];
      }
    },
  };
}
