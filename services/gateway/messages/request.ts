/** Anthropic's messages as a chat (https://docs.claude.com/en/api/messages). */
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { CountTokensRequest, MessageBlock, MessagesRequest } from '#libs/contracts/messages.ts';

type Marked = { cache_control?: ChatTool['cache_control'] };
type Block<Type extends MessageBlock['type']> = Extract<MessageBlock, { type: Type }>;
type ContentPart =
  | { type: 'text'; text: string; cache_control?: ChatTool['cache_control'] }
  | { type: 'image_url'; image_url: { url: string }; cache_control?: ChatTool['cache_control'] };
type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;

/** The longest end-user id of a chat. */
const LONGEST_USER = 512;

/** What the model reads of a request: the part that `count_tokens` shares with `messages`. */
export function promptOf(request: CountTokensRequest): ChatCompletionRequest {
  const { model, system, messages, tools, tool_choice: choice, thinking } = request;
  const first: ChatMessage[] = system?.length
    ? [{ role: 'system', content: typeof system === 'string' ? system : system.map(toPart) }]
    : [];
  return {
    model,
    messages: [...first, ...messages.flatMap(toMessages)],
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
    ...(typeof request.top_k === 'number' && { top_k: request.top_k }),
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

/** A turn of the user is the results of its tools, then what the user says. */
function toMessages({ role, content }: MessagesRequest['messages'][number]): ChatMessage[] {
  if (typeof content === 'string') return [{ role, content }];
  if (role === 'assistant') return [toAssistantMessage(content)];
  if (role === 'system') return [{ role, content: content.flatMap(toParts).filter(isText) }];
  const messages: ChatMessage[] = [];
  let said: ContentPart[] = [];
  const flush = () => {
    if (said.length > 0) messages.push({ role: 'user', content: said });
    said = [];
  };
  for (const block of content) {
    if (block.type === 'tool_result') {
      flush();
      messages.push(toToolMessage(block));
    } else said.push(...toParts(block));
  }
  flush();
  return messages;
}

function toAssistantMessage(blocks: readonly MessageBlock[]): AssistantMessage {
  const thoughts = blocks.filter((block) => block.type === 'thinking' || block.type === 'redacted_thinking');
  const calls = blocks.filter((block) => block.type === 'tool_use');
  const parts = blocks.flatMap(toParts).filter(isText);
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

function toToolMessage(block: Block<'tool_result'>): ChatMessage {
  const { content } = block;
  return {
    role: 'tool',
    tool_call_id: block.tool_use_id,
    content: typeof content === 'string' ? content : (content ?? []).flatMap(toParts),
    ...(block.is_error && { is_error: true }),
    ...markOf(block),
  };
}

/** Texts and images; other blocks are read by their message. */
function toParts(block: MessageBlock): ContentPart[] {
  switch (block.type) {
    case 'text':
      return [toPart(block)];
    case 'document': {
      const title = block.title ? `${block.title}\n\n` : '';
      return [{ type: 'text', text: title + block.source.data, ...markOf(block) }];
    }
    case 'image': {
      const { source } = block;
      const url = source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
      return [{ type: 'image_url', image_url: { url }, ...markOf(block) }];
    }
    default:
      return [];
  }
}

function toPart(block: { text: string } & Marked): Extract<ContentPart, { type: 'text' }> {
  return { type: 'text', text: block.text, ...markOf(block) };
}

function isText(part: ContentPart): part is Extract<ContentPart, { type: 'text' }> {
  return part.type === 'text';
}

function markOf({ cache_control: mark }: Marked): Marked {
  return mark ? { cache_control: mark } : {};
}

function markLast(messages: readonly ChatMessage[], mark: ChatTool['cache_control']): ChatMessage[] {
  return messages.map((message, index) =>
    index === messages.length - 1 ? { ...message, cache_control: mark } : message,
  );
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
