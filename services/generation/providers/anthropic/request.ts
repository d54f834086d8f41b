import type Anthropic from '@anthropic-ai/sdk';
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { FilePart } from '#libs/pipelines/prompt-parts.ts';
import type { ThinkingBlock } from '../domain/chat-format.ts';
import type { NormalisedChat } from '../domain/provider-adapter.ts';
import { unsupported } from '../domain/provider-error.ts';
import {
  parseArguments,
  pdfData,
  readImage,
  refuseParameters,
  systemText,
  thinkingBudget,
} from '../translation.ts';

/** Anthropic has no JSON mode without a schema. Short enough for the overhead in every prompt's bound. */
const JSON_INSTRUCTION = 'Answer with one JSON object and nothing else.';

/** https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
const MIN_THINKING_BUDGET = 1024;

type Block = Anthropic.ContentBlockParam;
type CacheControl = Anthropic.CacheControlEphemeral;
type Marked = {
  cache_control?: { type: 'ephemeral'; ttl?: '5m' | '1h' | null | undefined } | null | undefined;
};
type Turn = { role: 'user' | 'assistant'; content: Block[] };

/**
 * A chat as Anthropic's messages.
 * @throws ProviderError `unsupported` for what Anthropic cannot do.
 * @see https://docs.anthropic.com/en/api/messages
 */
export function toAnthropicRequest(chat: NormalisedChat): Anthropic.MessageCreateParamsNonStreaming {
  const { body } = chat;
  if (chat.choices > 1) throw unsupported('n', 'it returns one answer per request');
  refuseParameters(body, {
    frequency_penalty: 'it has no penalties',
    presence_penalty: 'it has no penalties',
    logit_bias: 'it does not expose tokens',
    logprobs: 'it does not expose tokens',
    top_logprobs: 'it does not expose tokens',
    seed: 'it has no reproducible sampling',
    verbosity: 'it has no such setting',
  });
  if (body.temperature && body.temperature > 1) throw unsupported('temperature', 'its range is 0 to 1');

  const wantsJson = body.response_format?.type === 'json_object';
  const system = toSystem(body.messages, wantsJson ? JSON_INSTRUCTION : '');
  const thinking = toThinking(body, chat.outputTokens);
  const endUser = body.safety_identifier ?? body.user;
  return {
    model: chat.upstreamModel,
    max_tokens: chat.outputTokens,
    // other tiers have other prices
    service_tier: 'standard_only',
    ...(system.length > 0 && { system }),
    messages: toTurns(body.messages),
    ...(body.tools?.length && { tools: body.tools.map(toTool) }),
    ...toToolChoice(body),
    ...(thinking && { thinking }),
    ...toFormat(body),
    ...(typeof body.temperature === 'number' && { temperature: body.temperature }),
    ...(typeof body.top_p === 'number' && { top_p: body.top_p }),
    ...(typeof body.top_k === 'number' && { top_k: body.top_k }),
    ...(body.stop && { stop_sequences: [body.stop].flat() }),
    ...(endUser && { metadata: { user_id: endUser } }),
  };
}

/** One text, or blocks if any part of it is marked for the cache. */
function toSystem(messages: readonly ChatMessage[], more: string): string | Anthropic.TextBlockParam[] {
  const systems = messages.filter(({ role }) => role === 'system' || role === 'developer');
  const isMarked = systems.some(
    ({ cache_control: mark, content }) =>
      mark ||
      (Array.isArray(content) && content.some((part) => 'cache_control' in part && part.cache_control)),
  );
  if (!isMarked) return [systemText(messages), more].filter(Boolean).join('\n\n');
  const blocks = systems.flatMap((message) => withMark(toContentBlocks(message.content, ''), message));
  return [...(blocks as Anthropic.TextBlockParam[]), ...toTextBlocks(more)];
}

/** The mark as Anthropic takes it; nothing without one. */
function markOf({ cache_control: mark }: Marked): { cache_control?: CacheControl } {
  return mark ? { cache_control: { type: 'ephemeral', ...(mark.ttl && { ttl: mark.ttl }) } } : {};
}

/** A mark of a whole message covers everything up to its last block. Thinking cannot be marked. */
function withMark(blocks: Block[], message: Marked): Block[] {
  const last = blocks.at(-1);
  if (!message.cache_control || last === undefined || last.type.endsWith('thinking')) return blocks;
  return [...blocks.slice(0, -1), { ...last, ...markOf(message) } as Block];
}

/** Consecutive messages of one role become one turn, because the next turn must contain all tool results. */
function toTurns(messages: readonly ChatMessage[]): Turn[] {
  const turns: Turn[] = [];
  messages.forEach((message, index) => {
    if (message.role === 'system' || message.role === 'developer') return;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = withMark(toBlocks(message, index), message);
    if (content.length === 0) return;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  });
  const last = turns.at(-1);
  if (last?.role === 'assistant') trimEnd(last);
  return turns;
}

/** Anthropic refuses an answer to continue that ends with white space. */
function trimEnd({ content }: Turn): void {
  const block = content.at(-1);
  if (block?.type === 'text')
    content.splice(-1, 1, ...toTextBlocks(block.text.trimEnd()).map((text) => ({ ...block, ...text })));
}

function toBlocks(message: ChatMessage, index: number): Block[] {
  if (message.role === 'tool') return [toToolResult(message, `messages.${index}.content`)];
  if (message.role === 'assistant') {
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({
      type: 'tool_use' as const,
      id,
      name,
      input: parseArguments(text),
    }));
    const texts = toContentBlocks(message.content, '');
    const answer = texts.length > 0 ? texts : toTextBlocks(message.refusal ?? '');
    return [...toThoughts(message.thinking_blocks), ...answer, ...calls];
  }
  return toContentBlocks(message.content, `messages.${index}.content`);
}

/** Blocks inside a result cannot be marked for the cache, so their mark is one of the result. */
function toToolResult(message: Extract<ChatMessage, { role: 'tool' }>, path: string): Block {
  const blocks: (Block & Marked)[] = toContentBlocks(message.content, path);
  const marked = blocks.findLast(({ cache_control: mark }) => mark);
  return {
    type: 'tool_result',
    tool_use_id: message.tool_call_id,
    content: blocks.map(({ cache_control: _, ...block }) => block) as ToolResultContent,
    ...(message.is_error && { is_error: true }),
    ...(marked && markOf(marked)),
  };
}

type ToolResultContent = Extract<Anthropic.ToolResultBlockParam['content'], unknown[]>;

/** Only signed thoughts: those of other models have no signature, and Anthropic refuses them. */
function toThoughts(blocks: readonly ThinkingBlock[] | null | undefined): Block[] {
  return (blocks ?? []).filter((block) => block.type === 'redacted_thinking' || block.signature !== '');
}

function toContentBlocks(content: ChatMessage['content'], path: string): Block[] {
  if (typeof content === 'string') return toTextBlocks(content);
  return (content ?? []).flatMap((part, position): Block[] => {
    if (part.type === 'refusal') return toTextBlocks(part.refusal);
    if (part.type === 'text') {
      return toTextBlocks(part.text).map((block) => ({ ...block, ...markOf(part) }));
    }
    if (part.type === 'file') return [toDocument(part)];
    if (part.type === 'input_audio') throw unsupported(`${path}.${position}`, 'it does not read recordings');
    const image = readImage(part.image_url.url, `${path}.${position}.image_url.url`);
    const source =
      'url' in image
        ? { type: 'url' as const, url: image.url }
        : {
            type: 'base64' as const,
            media_type: image.mimeType as Anthropic.Base64ImageSource['media_type'],
            data: image.base64,
          };
    return [{ type: 'image', source, ...markOf(part) }];
  });
}

/** https://platform.claude.com/docs/en/build-with-claude/pdf-support */
function toDocument(part: FilePart): Anthropic.DocumentBlockParam {
  const { filename } = part.file;
  return {
    type: 'document',
    source: { type: 'base64', media_type: 'application/pdf', data: pdfData(part) },
    ...(filename && { title: filename }),
    ...markOf(part),
  };
}

/** Anthropic refuses empty text blocks. */
function toTextBlocks(text: string): Anthropic.TextBlockParam[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

function toTool(tool: ChatTool): Anthropic.Tool {
  const { name, description, parameters, strict } = tool.function;
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: { ...parameters, type: 'object' },
    ...(strict && { strict }),
    ...markOf(tool),
  };
}

function toToolChoice({ tools, tool_choice: choice, parallel_tool_calls: parallel }: ChatCompletionRequest): {
  tool_choice?: Anthropic.ToolChoice;
} {
  if (!tools?.length) return {};
  const single = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (typeof choice === 'object')
    return { tool_choice: { type: 'tool', name: choice.function.name, ...single } };
  if (choice === 'none') return { tool_choice: { type: 'none' } };
  if (choice === 'required') return { tool_choice: { type: 'any', ...single } };
  return choice === 'auto' || parallel === false ? { tool_choice: { type: 'auto', ...single } } : {};
}

/**
 * Thinking within the cap. Omitted if it is not allowed (a forced tool, a small cap), and when the last message is a tool
 * result: that would require the signed thoughts of the previous turn, which OpenAI's format lacks.
 */
function toThinking(body: ChatCompletionRequest, cap: number): Anthropic.ThinkingConfigParam | undefined {
  if (body.thinking) return withinCap(body.thinking, cap);
  const budget = thinkingBudget(body, cap);
  if (budget === undefined || budget < MIN_THINKING_BUDGET) return undefined;
  const isForced = body.tool_choice === 'required' || typeof body.tool_choice === 'object';
  if (isForced || body.messages.at(-1)?.role === 'tool') return undefined;
  return { type: 'enabled', budget_tokens: budget };
}

/** The budget must be smaller than the cap, which may be lower than the client expects. */
function withinCap(
  thinking: NonNullable<ChatCompletionRequest['thinking']>,
  cap: number,
): Anthropic.ThinkingConfigParam | undefined {
  if (thinking.type !== 'enabled') return thinking;
  if (cap <= MIN_THINKING_BUDGET) return undefined;
  return { type: 'enabled', budget_tokens: Math.min(thinking.budget_tokens, cap - 1) };
}

function toFormat({ response_format: format }: ChatCompletionRequest): {
  output_config?: Anthropic.OutputConfig;
} {
  if (format?.type !== 'json_schema') return {};
  const { schema } = format.json_schema;
  if (schema === undefined) throw unsupported('response_format.json_schema', 'it needs a schema');
  return { output_config: { format: { type: 'json_schema', schema } } };
}
