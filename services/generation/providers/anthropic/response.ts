import type { AnswerToolCall, ChatCompletion, FinishReason, ThinkingBlock } from '../domain/chat-format.ts';
import type { ReadEvent, StreamReader } from '../domain/provider-adapter.ts';
import { endedEarly, ProviderError } from '../domain/provider-error.ts';
import { readTier } from '../domain/service-tier.ts';
import { type StreamPiece, usageOnly } from '../domain/stream-piece.ts';
import { fieldsOf, isObject, type JsonObject, objectsIn, textOrUndefined } from '../json.ts';
import { readCount } from '../token-count.ts';
import { type AnswerHead, choiceOf, completionOf, deltaPiece, lastPiece } from '../translated-answer.ts';
import { createUsageReport } from '../usage-report.ts';
import { anthropicUnits } from './usage.ts';

/** https://docs.anthropic.com/en/api/handling-stop-reasons. Any other reason is a normal end. */
const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  tool_use: 'tool_calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  refusal: 'content_filter',
};

function finishOf(reason: unknown): FinishReason {
  return (typeof reason === 'string' && FINISH_REASONS[reason]) || 'stop';
}

const NOTHING: ReadEvent = { pieces: [] };

const textOf = (value: unknown): string => textOrUndefined(value) ?? '';

const redacted = (block: JsonObject): ThinkingBlock => ({
  type: 'redacted_thinking',
  data: textOf(block.data),
});

/** @throws ProviderError `malformed` if it is not a message. */
export function fromAnthropicMessage(document: object, head: AnswerHead): ChatCompletion {
  const { id, content, stop_reason: reason, stop_sequence: stop, usage } = document as JsonObject;
  if (!Array.isArray(content)) {
    throw new ProviderError('malformed', "The provider's answer has no content.");
  }
  let text = '';
  let reasoning = '';
  const signed: ThinkingBlock[] = [];
  const toolCalls: AnswerToolCall[] = [];
  for (const block of objectsIn(content)) {
    if (block.type === 'text') text += textOf(block.text);
    else if (block.type === 'thinking') {
      const thinking = textOf(block.thinking);
      reasoning += thinking;
      signed.push({ type: 'thinking', thinking, signature: textOf(block.signature) });
    } else if (block.type === 'redacted_thinking') signed.push(redacted(block));
    else if (block.type === 'tool_use') {
      const call = { name: textOf(block.name), arguments: JSON.stringify(block.input ?? {}) };
      toolCalls.push({ id: textOf(block.id), type: 'function', function: call });
    }
  }
  const choice = choiceOf(0, { text, reasoning, toolCalls }, finishOf(reason));
  if (signed.length > 0) choice.message.thinking_blocks = signed;
  if (typeof stop === 'string') choice.stop_sequence = stop;
  return completionOf({ ...head, id: textOrUndefined(id) ?? head.id }, [choice], anthropicUnits(usage));
}

/**
 * Reads one streamed message.
 * @see https://docs.anthropic.com/en/api/messages-streaming
 */
export function createStreamReader(initialHead: AnswerHead): StreamReader {
  let head = initialHead;
  let hasStarted = false;
  let isFinished = false;
  const usage = createUsageReport(anthropicUnits, (reported) =>
    readCount((reported as JsonObject).output_tokens),
  );
  /** Anthropic numbers all content blocks together; OpenAI numbers tool calls separately. */
  const toolIndexes = new Map<unknown, number>();

  const withUsage = (piece: StreamPiece, reported: unknown): StreamPiece => {
    const known = usage.report(reported);
    return known ? { ...piece, usage: known } : piece;
  };

  function written(piece: StreamPiece): ReadEvent {
    hasStarted = true;
    if (piece.text !== '' || piece.reasoning !== '') usage.wrote();
    return { pieces: [piece] };
  }

  function start(message: JsonObject): ReadEvent {
    hasStarted = true;
    head = { ...head, id: textOrUndefined(message.id) ?? head.id };
    const piece = withUsage(deltaPiece(head, { role: 'assistant', content: '' }), message.usage);
    return { pieces: [piece], serviceTier: readTier(fieldsOf(message.usage).service_tier) };
  }

  function startBlock(index: unknown, block: JsonObject): ReadEvent {
    if (block.type === 'text' && block.text)
      return written(deltaPiece(head, { content: textOf(block.text) }));
    if (block.type === 'thinking' && block.thinking) {
      return written(deltaPiece(head, { reasoning_content: textOf(block.thinking) }));
    }
    if (block.type === 'redacted_thinking') {
      return written(deltaPiece(head, { thinking_blocks: [redacted(block)] }));
    }
    if (block.type !== 'tool_use') return NOTHING;
    const toolIndex = toolIndexes.size;
    toolIndexes.set(index, toolIndex);
    // the input follows in deltas, unless it is here
    const input =
      isObject(block.input) && Object.keys(block.input).length > 0 ? JSON.stringify(block.input) : '';
    const called = { name: textOf(block.name), arguments: input };
    const call = { index: toolIndex, id: textOf(block.id), type: 'function' as const, function: called };
    return written(deltaPiece(head, { tool_calls: [call] }));
  }

  function continueBlock(index: unknown, delta: JsonObject): ReadEvent {
    if (delta.type === 'signature_delta') {
      const signature = { type: 'thinking' as const, thinking: '', signature: textOf(delta.signature) };
      return written(deltaPiece(head, { thinking_blocks: [signature] }));
    }
    const text = textOf(delta.text ?? delta.thinking ?? delta.partial_json);
    if (text === '') return NOTHING;
    if (delta.type === 'text_delta') return written(deltaPiece(head, { content: text }));
    if (delta.type === 'thinking_delta') return written(deltaPiece(head, { reasoning_content: text }));
    const toolIndex = toolIndexes.get(index);
    if (delta.type !== 'input_json_delta' || toolIndex === undefined) return NOTHING;
    return written(deltaPiece(head, { tool_calls: [{ index: toolIndex, function: { arguments: text } }] }));
  }

  function finish(reason: unknown, reported?: unknown, stop?: unknown): ReadEvent {
    if (isFinished || !hasStarted) {
      return { pieces: usageOnly(usage.report(reported)) };
    }
    isFinished = true;
    return {
      pieces: [
        withUsage(deltaPiece(head, {}, { finish: finishOf(reason), stop: textOrUndefined(stop) }), reported),
      ],
    };
  }

  return {
    read(event) {
      const { type, message, index, content_block: block, delta, usage: reported } = event as JsonObject;
      switch (type) {
        case 'message_start':
          return start(fieldsOf(message));
        case 'content_block_start':
          return startBlock(index, fieldsOf(block));
        case 'content_block_delta':
          return continueBlock(index, fieldsOf(delta));
        case 'message_delta': {
          const { stop_reason: reason, stop_sequence: stop } = fieldsOf(delta);
          if (reason) return finish(reason, reported, stop);
          return { pieces: usageOnly(usage.report(reported)) };
        }
        case 'message_stop':
          return { ...finish('end_turn'), isEnd: true };
        default:
          return NOTHING;
      }
    },
    end: () => undefined,
    isFinished: () => isFinished,
    finish() {
      if (!isFinished) throw endedEarly();
      return lastPiece(head, usage.atEnd());
    },
  };
}
