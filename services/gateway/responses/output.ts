/** Builds the output items of a response from an answer, whole or in pieces, with the events that describe each step. */
import type { MessageDelta, ThinkingBlock, ToolCallDelta } from '#libs/contracts/chat-answers.ts';
import { visibleReasoning, visibleText } from '../chat/domain/answer-text.ts';
import { customInput } from '../chat/domain/custom-tools.ts';
import { itemIdOf } from './domain/conversation.ts';
import { functionNamed, type NamespacedFunction } from './domain/namespaces.ts';
import { encodeThoughts } from './domain/thoughts.ts';

export type OutputEvent = { readonly type: string; readonly [field: string]: unknown };

type TextPart = { type: 'output_text'; text: string; annotations: []; logprobs: [] };
type RefusalPart = { type: 'refusal'; refusal: string };
type MessageItem = {
  type: 'message';
  id: string;
  role: 'assistant';
  status: string;
  content: (TextPart | RefusalPart)[];
};
type CallItem = {
  type: 'function_call';
  id: string;
  call_id: string;
  name: string;
  namespace?: string;
  arguments: string;
  status: string;
};
type CustomCallItem = {
  type: 'custom_tool_call';
  id: string;
  call_id: string;
  name: string;
  input: string;
  status: string;
};
type ReasoningItem = {
  type: 'reasoning';
  id: string;
  summary: { type: 'summary_text'; text: string }[];
  encrypted_content?: string;
};
export type OutputItem = MessageItem | CallItem | CustomCallItem | ReasoningItem;

type Tool = NamespacedFunction & { readonly type?: string };

export type OutputBuilder = {
  readonly items: readonly OutputItem[];
  /** @returns the events of this piece. */
  readonly add: (delta: MessageDelta) => OutputEvent[];
  /** Completes the last item. */
  readonly finish: () => OutputEvent[];
};

/** @param tools those of the request. */
export function createOutput(responseId: string, tools?: readonly Tool[] | null): OutputBuilder {
  const customNames = new Set(tools?.filter(({ type }) => type === 'custom').map(({ name }) => name));
  const items: OutputItem[] = [];
  const calls = new Map<number, number>();
  let thoughts: ThinkingBlock[] = [];
  let events: OutputEvent[] = [];
  let open: number | undefined;

  const emit = (type: string, fields: object) => events.push({ type, ...fields });

  function start(item: OutputItem): void {
    close();
    open = items.length;
    items.push(item);
    const shown = item.type === 'reasoning' ? { ...item, summary: [] } : { ...item, status: 'in_progress' };
    emit('response.output_item.added', { output_index: open, item: shown });
  }

  function close(): void {
    const item = open === undefined ? undefined : items[open];
    if (item === undefined) return;
    if (item.type === 'message') endParts(item);
    else if (item.type === 'function_call') endCall(item);
    else if (item.type === 'custom_tool_call') endCustomCall(item);
    else endReasoning(item);
    emit('response.output_item.done', { output_index: open, item: structuredClone(item) });
    open = undefined;
  }

  function endParts(item: MessageItem): void {
    const at = { item_id: item.id, output_index: open, content_index: item.content.length - 1 };
    const part = item.content.at(-1);
    if (part === undefined) return;
    if (part.type === 'output_text')
      emit('response.output_text.done', { ...at, text: part.text, logprobs: [] });
    else emit('response.refusal.done', { ...at, refusal: part.refusal });
    emit('response.content_part.done', { ...at, part: { ...part } });
  }

  function endCall(item: CallItem): void {
    emit('response.function_call_arguments.done', {
      item_id: item.id,
      output_index: open,
      name: item.name,
      arguments: item.arguments,
    });
  }

  /** The text of a custom tool is part of JSON until the call is complete. */
  function endCustomCall(item: CustomCallItem): void {
    item.input = customInput(item.input);
    const at = { item_id: item.id, output_index: open };
    emit('response.custom_tool_call_input.delta', { ...at, delta: item.input });
    emit('response.custom_tool_call_input.done', { ...at, input: item.input });
  }

  function endReasoning(item: ReasoningItem): void {
    if (thoughts.length > 0) item.encrypted_content = encodeThoughts(thoughts);
    thoughts = [];
    const [part] = item.summary;
    if (part === undefined) return;
    const at = { item_id: item.id, output_index: open, summary_index: 0 };
    emit('response.reasoning_summary_text.done', { ...at, text: part.text });
    emit('response.reasoning_summary_part.done', { ...at, part: { ...part } });
  }

  function message(): MessageItem {
    const item = open === undefined ? undefined : items[open];
    if (item?.type === 'message') return item;
    const id = itemIdOf(responseId, 'msg', items.length);
    start({ type: 'message', id, role: 'assistant', status: 'completed', content: [] });
    return items.at(-1) as MessageItem;
  }

  function write(text: string, type: 'output_text' | 'refusal'): void {
    if (text === '') return;
    const item = message();
    let part = item.content.at(-1);
    if (part?.type !== type) {
      if (part !== undefined) endParts(item);
      part = type === 'refusal' ? { type, refusal: '' } : { type, text: '', annotations: [], logprobs: [] };
      item.content.push(part);
      const at = { item_id: item.id, output_index: open, content_index: item.content.length - 1 };
      emit('response.content_part.added', { ...at, part: { ...part } });
    }
    const at = { item_id: item.id, output_index: open, content_index: item.content.length - 1 };
    if (part.type === 'refusal') {
      part.refusal += text;
      emit('response.refusal.delta', { ...at, delta: text });
    } else {
      part.text += text;
      emit('response.output_text.delta', { ...at, delta: text, logprobs: [] });
    }
  }

  function reasoning(): ReasoningItem {
    const item = open === undefined ? undefined : items[open];
    if (item?.type === 'reasoning') return item;
    start({ type: 'reasoning', id: itemIdOf(responseId, 'rs', items.length), summary: [] });
    return items.at(-1) as ReasoningItem;
  }

  function think(text: string): void {
    if (text === '') return;
    const item = reasoning();
    const at = { item_id: item.id, output_index: open, summary_index: 0 };
    let [part] = item.summary;
    if (part === undefined) {
      part = { type: 'summary_text', text: '' };
      item.summary.push(part);
      emit('response.reasoning_summary_part.added', { ...at, part: { ...part } });
    }
    part.text += text;
    emit('response.reasoning_summary_text.delta', { ...at, delta: text });
  }

  /** A signature without a text signs the reasoning that was streamed before it. */
  function sign(block: ThinkingBlock): void {
    const item = reasoning();
    const isAlone = block.type === 'thinking' && block.thinking === '';
    thoughts.push(isAlone ? { ...block, thinking: item.summary[0]?.text ?? '' } : block);
  }

  function callItem(callId: string, chatName: string): CallItem | CustomCallItem {
    if (customNames.has(chatName)) {
      const id = itemIdOf(responseId, 'ctc', items.length);
      return {
        type: 'custom_tool_call',
        id,
        call_id: callId,
        name: chatName,
        input: '',
        status: 'completed',
      };
    }
    const { name, namespace } = functionNamed(tools, chatName);
    return {
      type: 'function_call',
      id: itemIdOf(responseId, 'fc', items.length),
      call_id: callId,
      name,
      ...(namespace && { namespace }),
      arguments: '',
      status: 'completed',
    };
  }

  function call({ index, id, function: called }: ToolCallDelta): void {
    let at = calls.get(index);
    if (at === undefined) {
      const callId = id ?? `call_${index}`;
      start(callItem(callId, called?.name ?? ''));
      at = items.length - 1;
      calls.set(index, at);
    }
    if (!called?.arguments) return;
    const item = items[at] as CallItem | CustomCallItem;
    if (item.type === 'custom_tool_call') {
      item.input += called.arguments;
      return;
    }
    item.arguments += called.arguments;
    emit('response.function_call_arguments.delta', {
      item_id: item.id,
      output_index: at,
      delta: called.arguments,
    });
  }

  const taken = () => {
    const emitted = events;
    events = [];
    return emitted;
  };
  return {
    items,
    add(delta) {
      think(visibleReasoning(delta));
      for (const block of delta.thinking_blocks ?? []) sign(block);
      write(visibleText({ content: delta.content ?? null }), 'output_text');
      write(delta.refusal ?? '', 'refusal');
      for (const toolCall of delta.tool_calls ?? []) call(toolCall);
      return taken();
    },
    finish() {
      close();
      return taken();
    },
  };
}
