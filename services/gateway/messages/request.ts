/** Anthropic's messages as a chat (https://docs.claude.com/en/api/messages). */
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { CountTokensRequest, MessageBlock, MessagesRequest } from '#libs/contracts/messages.ts';
import type { MediaPart } from '#libs/pipelines/prompt-parts.ts';
import { type Marked, markLast, markOf } from '../chat/domain/cache-marks.ts';
import { named } from '../chat/domain/part-names.ts';

type Block<Type extends MessageBlock['type']> = Extract<MessageBlock, { type: Type }>;
type TextPart = { type: 'text'; text: string; cache_control?: ChatTool['cache_control'] };
type ContentPart = TextPart | Exclude<MediaPart, { type: 'input_audio' }>;
type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

/** The longest end-user id of a chat. */
const LONGEST_USER = 512;
const LONGEST_FILENAME = 255;

/** What the model reads of a request: the part that `count_tokens` shares with `messages`. */
export function promptOf(request: CountTokensRequest): ChatCompletionRequest {
  const { model, system, messages, tools, tool_choice: choice, thinking } = request;
  const first: ChatMessage[] = system?.length
    ? [{ role: 'system', content: typeof system === 'string' ? system : system.map(toPart) }]
    : [];
  return {
    model,
    messages: [
      ...first,
      ...messages.flatMap((message, index) => toMessages(message, `messages.${index}.content`)),
    ],
    ...(tools?.length && { tools: tools.map(toTool) }),
    ...(tools?.length && choice && toToolChoice(choice)),
    ...(thinking && { thinking }),
  };
}

export function toChat(request: MessagesRequest): ChatCompletionRequest {
  const chat = promptOf(request);
  const { stop_sequences: stop, metadata, output_config: output, stream } = request;
  const user = metadata?.user_id?.slice(0, LONGEST_USER);
  return {
    ...chat,
    ...(request.cache_control && { messages: markLast(chat.messages, request.cache_control) }),
    max_tokens: request.max_tokens,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
    ...(stop?.length && { stop }),
    ...(typeof request.temperature === 'number' && { temperature: request.temperature }),
    ...(typeof request.top_p === 'number' && { top_p: request.top_p }),
    ...(request.top_k && { top_k: request.top_k }),
    ...(user && { user }),
    ...(output?.format && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', schema: output.format.schema, strict: true },
      },
    }),
    ...(output?.effort && !request.thinking && { reasoning_effort: output.effort }),
    ...(request.fit_budget !== undefined && { fit_budget: request.fit_budget }),
    ...(request.allow_degraded !== undefined && { allow_degraded: request.allow_degraded }),
  };
}

/** A turn of the user is the results of its tools, then what the user says. @param path of its content. */
function toMessages({ role, content }: MessagesRequest['messages'][number], path: string): ChatMessage[] {
  if (typeof content === 'string') return [{ role, content }];
  if (role === 'assistant') return [toAssistantMessage(content)];
  if (role === 'system') return [{ role, content: content.flatMap(textsOf) }];
  const messages: ChatMessage[] = [];
  let said: ContentPart[] = [];
  const flush = () => {
    if (said.length > 0) messages.push({ role: 'user', content: said });
    said = [];
  };
  for (const [position, block] of content.entries()) {
    const at = `${path}.${position}`;
    if (block.type === 'tool_result') {
      flush();
      messages.push(toToolMessage(block, at));
    } else said.push(...toParts(block, at));
  }
  flush();
  return messages;
}

function toAssistantMessage(blocks: readonly MessageBlock[]): AssistantMessage {
  const thoughts = blocks.filter((block) => block.type === 'thinking' || block.type === 'redacted_thinking');
  const calls = blocks.filter((block) => block.type === 'tool_use');
  const parts = blocks.flatMap(textsOf);
  const mark = calls.at(-1)?.cache_control;
  return {
    role: 'assistant',
    content: parts.length > 0 ? parts : null,
    ...(thoughts.length > 0 && { thinking_blocks: thoughts }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, input }) => ({
        id,
        type: 'function' as const,
        function: { name, arguments: JSON.stringify(input) },
      })),
    }),
    ...(mark && { cache_control: mark }),
  };
}

function toToolMessage(block: Block<'tool_result'>, path: string): ChatMessage {
  const { content } = block;
  const parts = (given: Exclude<typeof content, string>) =>
    (given ?? []).flatMap((part, position) => toParts(part, `${path}.content.${position}`));
  return {
    role: 'tool',
    tool_call_id: block.tool_use_id,
    content: typeof content === 'string' ? content : parts(content),
    ...(block.is_error && { is_error: true }),
    ...markOf(block),
  };
}

/** Texts, images and documents; other blocks are read by their message. */
function toParts(block: MessageBlock, path: string): ContentPart[] {
  switch (block.type) {
    case 'text':
      return [toPart(block)];
    case 'document':
      return toDocument(block, path);
    case 'search_result': {
      const texts = block.content.map(({ text }) => text);
      return [{ type: 'text', text: [block.title, block.source, ...texts].join('\n\n'), ...markOf(block) }];
    }
    case 'image': {
      const { source } = block;
      const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
      return [named({ type: 'image_url', image_url: { url }, ...markOf(block) }, path)];
    }
    default:
      return [];
  }
}

function toDocument(block: Block<'document'>, path: string): ContentPart[] {
  const { source, title, context } = block;
  const head = [title, context].filter(Boolean);
  if (source.type === 'text') {
    return [{ type: 'text', text: [...head, source.data].join('\n\n'), ...markOf(block) }];
  }
  if (source.type === 'content') {
    const { content } = source;
    const blocks = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
    const parts = blocks.flatMap((one, position) => toParts(one, `${path}.source.content.${position}`));
    const first: TextPart[] = head.length > 0 ? [{ type: 'text', text: head.join('\n\n') }] : [];
    return markLastPart([...first, ...parts], block);
  }
  const file_data = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
  const filename = title?.slice(0, LONGEST_FILENAME) || 'document.pdf';
  return [named({ type: 'file', file: { file_data, filename }, ...markOf(block) }, path)];
}

function markLastPart(parts: ContentPart[], block: Marked): ContentPart[] {
  const last = parts.at(-1);
  if (last && block.cache_control) last.cache_control = block.cache_control;
  return parts;
}

function toPart(block: { text: string } & Marked): TextPart {
  return { type: 'text', text: block.text, ...markOf(block) };
}

function textsOf(block: MessageBlock): TextPart[] {
  return toParts(block, '').filter((part) => part.type === 'text');
}

function toTool(tool: NonNullable<MessagesRequest['tools']>[number]): ChatTool {
  return {
    type: 'function',
    function: {
      name: tool.name,
      ...(tool.description && { description: tool.description }),
      parameters: tool.input_schema,
      ...(tool.strict && { strict: true }),
    },
    ...markOf(tool),
  };
}

function toToolChoice(
  choice: NonNullable<MessagesRequest['tool_choice']>,
): Pick<ChatCompletionRequest, 'tool_choice' | 'parallel_tool_calls'> {
  if (choice.type === 'none') return { tool_choice: 'none' };
  const parallel = choice.disable_parallel_tool_use ? { parallel_tool_calls: false } : {};
  if (choice.type === 'tool') {
    return { tool_choice: { type: 'function', function: { name: choice.name } }, ...parallel };
  }
  return { tool_choice: choice.type === 'any' ? 'required' : 'auto', ...parallel };
}
