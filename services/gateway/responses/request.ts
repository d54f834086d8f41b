/** A conversation of items as a chat. */
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { ConversationItem, ResponsesRequest } from '#libs/contracts/responses.ts';
import { chatNameOf } from './domain/namespaces.ts';
import { thoughtsOf } from './domain/thoughts.ts';

type AssistantMessage = Extract<ChatMessage, { role: 'assistant' }>;
type Part = Exclude<Extract<ConversationItem, { type: 'message' }>['content'], string>[number];
type ContentPart =
  | { type: 'text'; text: string }
  | { type: 'image_url'; image_url: { url: string; detail?: 'auto' | 'low' | 'high' } };

export function toChat(request: ResponsesRequest, items: readonly ConversationItem[]): ChatCompletionRequest {
  const { instructions, tools, tool_choice: choice, text, reasoning, metadata } = request;
  const first: ChatMessage[] = instructions ? [{ role: 'developer', content: instructions }] : [];
  return {
    model: request.model,
    messages: [...first, ...toMessages(items)],
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
    ...(metadata && { metadata }),
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

/** Reasoning, text and tool calls of one turn are separate items, and one message of a chat. */
function toMessages(items: readonly ConversationItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let turn: AssistantMessage | undefined;
  const assistant = (): AssistantMessage => {
    if (turn === undefined) {
      turn = { role: 'assistant', content: null };
      messages.push(turn);
    }
    return turn;
  };
  for (const item of items) {
    if (item.type === 'reasoning') {
      const thoughts = thoughtsOf(item.encrypted_content);
      if (thoughts.length > 0) assistant().thinking_blocks = thoughts;
    } else if (item.type === 'function_call') {
      const call = {
        id: item.call_id,
        type: 'function' as const,
        function: { name: chatNameOf(item), arguments: item.arguments },
      };
      const message = assistant();
      message.tool_calls = [...(message.tool_calls ?? []), call];
    } else if (item.type === 'function_call_output') {
      turn = undefined;
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: toContent(item.output) });
    } else if (item.role === 'assistant') {
      // Text after tool calls begins a turn of its own, because a chat cannot express that order.
      if (turn?.tool_calls || turn?.content) turn = undefined;
      assistant().content = textOf(item.content);
    } else {
      turn = undefined;
      messages.push(toWrittenMessage(item.role, item.content));
    }
  }
  return messages;
}

function toWrittenMessage(role: 'user' | 'system' | 'developer', content: string | Part[]): ChatMessage {
  return role === 'user' ? { role, content: toContent(content) } : { role, content: textOf(content) };
}

function toContent(content: string | readonly Part[]): string | ContentPart[] {
  return typeof content === 'string' ? content : content.map(toPart);
}

function toPart(part: Part): ContentPart {
  if (part.type === 'refusal') return { type: 'text', text: part.refusal };
  if (part.type !== 'input_image') return { type: 'text', text: part.text };
  const { detail } = part;
  const image = { url: part.image_url };
  if (detail !== 'low' && detail !== 'high') return { type: 'image_url', image_url: image };
  return { type: 'image_url', image_url: { ...image, detail } };
}

function textOf(content: string | readonly Part[]): string {
  if (typeof content === 'string') return content;
  return content
    .map((part) => (part.type === 'refusal' ? part.refusal : 'text' in part ? part.text : ''))
    .join('');
}

function toTool(tool: NonNullable<ResponsesRequest['tools']>[number]): ChatTool {
  return {
    type: 'function',
    function: {
      name: chatNameOf(tool),
      ...(tool.description && { description: tool.description }),
      ...(tool.parameters && { parameters: tool.parameters }),
      ...(typeof tool.strict === 'boolean' && { strict: tool.strict }),
    },
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
