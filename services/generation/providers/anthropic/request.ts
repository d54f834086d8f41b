import type Anthropic from '@anthropic-ai/sdk';
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { NormalisedChat } from '../domain/provider-adapter.ts';
import { unsupported } from '../domain/provider-error.ts';
import {
  parseArguments,
  readImage,
  refuseParameters,
  systemText,
  textOf,
  thinkingBudget,
} from '../translation.ts';

/** Anthropic has no JSON mode without a schema. Short enough for the overhead in every prompt's bound. */
const JSON_INSTRUCTION = 'Answer with one JSON object and nothing else.';

/** https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
const MIN_THINKING_BUDGET = 1024;

type Block = Anthropic.ContentBlockParam;
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
  const system = [systemText(body.messages), wantsJson ? JSON_INSTRUCTION : ''].filter(Boolean).join('\n\n');
  const thinking = toThinking(body, chat.outputTokens);
  const endUser = body.safety_identifier ?? body.user;
  return {
    model: chat.upstreamModel,
    max_tokens: chat.outputTokens,
    // other tiers have other prices
    service_tier: 'standard_only',
    ...(system !== '' && { system }),
    messages: toTurns(body.messages),
    ...(body.tools?.length && { tools: body.tools.map(toTool) }),
    ...toToolChoice(body),
    ...(thinking && { thinking }),
    ...toFormat(body),
    ...(typeof body.temperature === 'number' && { temperature: body.temperature }),
    ...(typeof body.top_p === 'number' && { top_p: body.top_p }),
    ...(body.stop && { stop_sequences: [body.stop].flat() }),
    ...(endUser && { metadata: { user_id: endUser } }),
  };
}

/** Consecutive messages of one role become one turn, because the next turn must contain all tool results. */
function toTurns(messages: readonly ChatMessage[]): Turn[] {
  const turns: Turn[] = [];
  messages.forEach((message, index) => {
    if (message.role === 'system' || message.role === 'developer') return;
    const role = message.role === 'assistant' ? 'assistant' : 'user';
    const content = toBlocks(message, index);
    if (content.length === 0) return;
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content });
  });
  return turns;
}

function toBlocks(message: ChatMessage, index: number): Block[] {
  if (message.role === 'tool') {
    return [
      {
        type: 'tool_result',
        tool_use_id: message.tool_call_id,
        content: toTextBlocks(textOf(message.content)),
      },
    ];
  }
  if (message.role === 'assistant') {
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: text } }) => ({
      type: 'tool_use' as const,
      id,
      name,
      input: parseArguments(text),
    }));
    return [...toTextBlocks(textOf(message.content) || (message.refusal ?? '')), ...calls];
  }
  if (typeof message.content === 'string') return toTextBlocks(message.content);
  return message.content.flatMap((part, position): Block[] => {
    if (part.type === 'text') return toTextBlocks(part.text);
    if (part.type !== 'image_url') return [];
    const image = readImage(part.image_url.url, `messages.${index}.content.${position}.image_url.url`);
    const source =
      'url' in image
        ? { type: 'url' as const, url: image.url }
        : {
            type: 'base64' as const,
            media_type: image.mimeType as Anthropic.Base64ImageSource['media_type'],
            data: image.base64,
          };
    return [{ type: 'image', source }];
  });
}

/** Anthropic refuses empty text blocks. */
function toTextBlocks(text: string): Anthropic.TextBlockParam[] {
  return text === '' ? [] : [{ type: 'text', text }];
}

function toTool({ function: { name, description, parameters, strict } }: ChatTool): Anthropic.Tool {
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: { ...parameters, type: 'object' },
    ...(strict && { strict }),
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
function toThinking(body: ChatCompletionRequest, cap: number): Anthropic.ThinkingConfigEnabled | undefined {
  const budget = thinkingBudget(body, cap);
  if (budget === undefined || budget < MIN_THINKING_BUDGET) return undefined;
  const isForced = body.tool_choice === 'required' || typeof body.tool_choice === 'object';
  if (isForced || body.messages.at(-1)?.role === 'tool') return undefined;
  return { type: 'enabled', budget_tokens: budget };
}

function toFormat({ response_format: format }: ChatCompletionRequest): {
  output_config?: Anthropic.OutputConfig;
} {
  if (format?.type !== 'json_schema') return {};
  const { schema } = format.json_schema;
  if (schema === undefined) throw unsupported('response_format.json_schema', 'it needs a schema');
  return { output_config: { format: { type: 'json_schema', schema } } };
}
