/** Streams in Anthropic's form (https://docs.claude.com/en/docs/build-with-claude/streaming). */
import type {
  AnswerUsage,
  ChatCompletionChunk,
  FinishReason,
  MessageDelta,
  ThinkingBlock,
  ToolCallDelta,
} from '#libs/contracts/chat-answers.ts';
import { sseEvent } from '#libs/http/sse-writer.ts';
import { anthropicErrorOf } from '#libs/problems/error-formats.ts';
import { visibleReasoning, visibleText } from '../chat/domain/answer-text.ts';
import type { StreamWriter } from '../chat/domain/answer-writer.ts';
import { messageIdOf, stopReasonOf, usageOf } from './response.ts';

function event(type: string, fields: object): string {
  return sseEvent(type, { type, ...fields });
}

type OpenBlock = { index: number; type: 'text' | 'thinking' | 'tool_use' };

export function createMessageStream(): StreamWriter {
  let hasBegun = false;
  let blocks = 0;
  let open: OpenBlock | undefined;
  let finish: FinishReason | null = null;
  let stopSequence: string | undefined;
  let usage: AnswerUsage | undefined;
  /** Indexes of blocks by index of the tool call. */
  const toolBlocks = new Map<number, number>();

  function begin({ id, model }: ChatCompletionChunk): string {
    if (hasBegun) return '';
    hasBegun = true;
    const message = {
      id: messageIdOf(id),
      type: 'message',
      role: 'assistant',
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: usageOf(undefined),
    };
    return event('message_start', { message }) + event('ping', {});
  }

  function close(): string {
    if (open === undefined) return '';
    const { index } = open;
    open = undefined;
    return event('content_block_stop', { index });
  }

  function start(type: OpenBlock['type'], contentBlock: object): string {
    const closed = close();
    open = { index: blocks, type };
    blocks += 1;
    return closed + event('content_block_start', { index: open.index, content_block: contentBlock });
  }

  /** A change of the open block of this type, which is started if another one is open. */
  function change(type: 'text' | 'thinking', empty: object, delta: object): string {
    const started = open?.type === type ? '' : start(type, { type, ...empty });
    return started + event('content_block_delta', { index: open?.index ?? 0, delta });
  }

  function think(thinking: string): string {
    if (thinking === '') return '';
    const delta = { type: 'thinking_delta', thinking };
    return change('thinking', { thinking: '', signature: '' }, delta);
  }

  function sign(block: ThinkingBlock): string {
    if (block.type === 'redacted_thinking') {
      const written = start('thinking', block);
      return written + close();
    }
    const delta = { type: 'signature_delta', signature: block.signature };
    return change('thinking', { thinking: '', signature: '' }, delta) + close();
  }

  function call({ index, id, function: called }: ToolCallDelta): string {
    let written = '';
    let block = toolBlocks.get(index);
    if (block === undefined) {
      const toolUse = { type: 'tool_use', id: id ?? `toolu_${index}`, name: called?.name ?? '', input: {} };
      written += start('tool_use', toolUse);
      block = open?.index ?? 0;
      toolBlocks.set(index, block);
    }
    if (!called?.arguments) return written;
    const delta = { type: 'input_json_delta', partial_json: called.arguments };
    return written + event('content_block_delta', { index: block, delta });
  }

  function write(delta: MessageDelta): string {
    let written = think(visibleReasoning(delta));
    for (const block of delta.thinking_blocks ?? []) written += sign(block);
    const text = visibleText(delta);
    if (text !== '') written += change('text', { text: '' }, { type: 'text_delta', text });
    for (const toolCall of delta.tool_calls ?? []) written += call(toolCall);
    return written;
  }

  return {
    chunk(chunk) {
      usage = chunk.usage ?? usage;
      const [choice] = chunk.choices ?? [];
      if (choice === undefined) return '';
      finish = choice.finish_reason || finish;
      stopSequence = choice.stop_sequence ?? stopSequence;
      return begin(chunk) + write(choice.delta ?? {});
    },
    error: (error) => event('error', anthropicErrorOf(error)),
    end() {
      const delta = {
        stop_reason: stopReasonOf(finish, toolBlocks.size > 0, stopSequence),
        stop_sequence: stopSequence ?? null,
      };
      return close() + event('message_delta', { delta, usage: usageOf(usage) }) + event('message_stop', {});
    },
  };
}
