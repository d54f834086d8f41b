/** A conversation of items as a chat. */
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { ConversationItem, ResponsesRequest } from '#libs/contracts/responses.ts';
import type { MediaPart } from '#libs/pipelines/prompt-parts.ts';
import { type Marked, markLast, markOf } from '../chat/domain/cache-marks.ts';
import { CUSTOM_TOOL_PARAMETERS, customArguments } from '../chat/domain/custom-tools.ts';
import { named } from '../chat/domain/part-names.ts';
import { chatNameOf } from './domain/namespaces.ts';
import { thoughtsOf } from './domain/thoughts.ts';

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;
type Part = Exclude<Extract<ConversationItem, { type: 'message' }>['content'], string>[number];
type TextPart = { type: 'text'; text: string } & Marked;
type ContentPart = TextPart | MediaPart;

export function toChat(request: ResponsesRequest, items: readonly ConversationItem[]): ChatCompletionRequest {
  const { instructions, tools, tool_choice: choice, text, reasoning } = request;
  const own = typeof request.input === 'string' ? 1 : request.input.length;
  const first: ChatMessage[] = instructions ? [{ role: 'developer', content: instructions }] : [];
  const messages = [...first, ...toMessages(items, items.length - own)];
  return {
    model: request.model,
    messages: request.cache_control ? markLast(messages, request.cache_control) : messages,
    ...(request.stream && { stream: true, stream_options: { include_usage: true } }),
    ...(request.max_output_tokens && { max_completion_tokens: request.max_output_tokens }),
    ...copied(request),
    ...(request.top_logprobs && { logprobs: true, top_logprobs: request.top_logprobs }),
    ...(tools?.length && { tools: tools.map(toTool) }),
    ...(tools?.length && choice && { tool_choice: toToolChoice(choice) }),
    ...(tools?.length &&
      typeof request.parallel_tool_calls === 'boolean' && {
        parallel_tool_calls: request.parallel_tool_calls,
      }),
    ...(text?.format && { response_format: toFormat(text.format) }),
    ...(text?.verbosity && { verbosity: text.verbosity }),
    ...(reasoning?.effort && { reasoning_effort: reasoning.effort }),
  };
}

/** Parameters with the same name and meaning. */
const COPIED = [
  'temperature',
  'top_p',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'fit_budget',
  'allow_degraded',
] as const;

function copied(request: ResponsesRequest): Partial<ChatCompletionRequest> {
  const given = COPIED.filter((name) => request[name] !== undefined && request[name] !== null);
  return Object.fromEntries(given.map((name) => [name, request[name]]));
}

/**
 * Reasoning, text and tool calls of one turn are separate items, and one message of a chat.
 * @param continued how many items are not of the request's own input.
 */
function toMessages(items: readonly ConversationItem[], continued: number): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let turn: AssistantMessage | undefined;
  const assistant = (): AssistantMessage => {
    if (turn === undefined) {
      turn = { role: 'assistant', content: null };
      messages.push(turn);
    }
    return turn;
  };
  for (const [index, item] of items.entries()) {
    const path = `input.${index - continued}`;
    if (item.type === 'reasoning') {
      const thoughts = thoughtsOf(item.encrypted_content);
      if (thoughts.length > 0) assistant().thinking_blocks = thoughts;
    } else if (item.type === 'function_call' || item.type === 'custom_tool_call') {
      const call = {
        id: item.call_id,
        type: 'function' as const,
        function:
          item.type === 'function_call'
            ? { name: chatNameOf(item), arguments: item.arguments }
            : { name: item.name, arguments: customArguments(item.input) },
      };
      const message = assistant();
      message.tool_calls = [...(message.tool_calls ?? []), call];
    } else if (item.type === 'function_call_output' || item.type === 'custom_tool_call_output') {
      turn = undefined;
      const content = toContent(item.output, `${path}.output`);
      messages.push({ ...toToolMessage(item.call_id, content), ...markOf(item) });
    } else if (item.role === 'assistant') {
      // Text after tool calls begins a turn of its own, because a chat cannot express that order.
      if (turn?.tool_calls || turn?.content) turn = undefined;
      Object.assign(assistant(), { content: textOf(item.content), ...markOf(item) });
    } else {
      turn = undefined;
      messages.push({ ...toWrittenMessage(item.role, item.content, `${path}.content`), ...markOf(item) });
    }
  }
  return messages;
}

function toWrittenMessage(
  role: 'user' | 'system' | 'developer',
  content: string | Part[],
  path: string,
): ChatMessage {
  if (role === 'user') return { role, content: toContent(content, path) };
  const isMarked = Array.isArray(content) && content.some((part) => 'cache_control' in part);
  return { role, content: isMarked ? content.flatMap(toTextPart) : textOf(content) };
}

function toTextPart(part: Part): TextPart[] {
  return 'text' in part ? [{ type: 'text', text: part.text, ...markOf(part) }] : [];
}

/** A recording cannot be the result of a tool. */
function toToolMessage(id: string, content: string | ContentPart[]): ChatMessage {
  const readable =
    typeof content === 'string' ? content : content.filter((part) => part.type !== 'input_audio');
  return { role: 'tool', tool_call_id: id, content: readable };
}

function toContent(content: string | readonly Part[], path: string): string | ContentPart[] {
  if (typeof content === 'string') return content;
  return content.map((part, position) => toPart(part, `${path}.${position}`));
}

function toPart(part: Part, path: string): ContentPart {
  switch (part.type) {
    case 'refusal':
      return { type: 'text', text: part.refusal };
    case 'input_image': {
      const { detail, image_url: url } = part;
      const isKnown = detail === 'low' || detail === 'high';
      return named(
        { type: 'image_url', image_url: { url, ...(isKnown && { detail }) }, ...markOf(part) },
        path,
      );
    }
    case 'input_file': {
      const filename = part.filename || 'document.pdf';
      const file_data = part.file_data ?? part.file_url ?? '';
      return named({ type: 'file', file: { file_data, filename }, ...markOf(part) }, path);
    }
    case 'input_audio':
      return named({ type: 'input_audio', input_audio: part.input_audio }, path);
    default:
      return { type: 'text', text: part.text, ...markOf(part) };
  }
}

function textOf(content: string | readonly Part[]): string {
  if (typeof content === 'string') return content;
  return content
    .map((part) => (part.type === 'refusal' ? part.refusal : 'text' in part ? part.text : ''))
    .join('');
}

function toTool(tool: NonNullable<ResponsesRequest['tools']>[number]): ChatTool {
  if (tool.type === 'custom') {
    const { name, description } = tool;
    return {
      type: 'function',
      function: { name, ...(description && { description }), parameters: CUSTOM_TOOL_PARAMETERS },
    };
  }
  return {
    type: 'function',
    function: {
      name: chatNameOf(tool),
      ...(tool.description && { description: tool.description }),
      ...(tool.parameters && { parameters: tool.parameters }),
      ...(typeof tool.strict === 'boolean' && { strict: tool.strict }),
    },
    ...markOf(tool),
  };
}

function toToolChoice(
  choice: NonNullable<ResponsesRequest['tool_choice']>,
): NonNullable<ChatCompletionRequest['tool_choice']> {
  return typeof choice === 'string' ? choice : { type: 'function', function: { name: choice.name } };
}

function toFormat(
  format: NonNullable<NonNullable<ResponsesRequest['text']>['format']>,
): NonNullable<ChatCompletionRequest['response_format']> {
  if (format.type !== 'json_schema') return format;
  const { name, description, schema, strict } = format;
  return {
    type: 'json_schema',
    json_schema: {
      name,
      ...(description && { description }),
      schema,
      ...(typeof strict === 'boolean' && { strict }),
    },
  };
}
