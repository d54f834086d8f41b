/** Fits a chat request to its model: what the model cannot take and costs nothing is left out or capped. */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import { hasCacheMark, type MediaPart } from '#libs/pipelines/prompt-parts.ts';
import type { PricedModel } from '../prices/domain.ts';

type Parameter = keyof ChatCompletionRequest;

/** Parameters that providers refuse, although leaving them out changes no cost. */
const UNSUPPORTED: Readonly<Record<string, readonly Parameter[]>> = {
  // https://docs.claude.com/en/api/openai-sdk: ignored by Anthropic's own compatibility layer
  anthropic: [
    'frequency_penalty',
    'presence_penalty',
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'seed',
    'verbosity',
  ],
  // https://ai.google.dev/gemini-api/docs/openai
  gemini: ['logit_bias', 'logprobs', 'top_logprobs', 'verbosity'],
  // https://docs.mistral.ai/api/#tag/chat: unknown parameters are refused
  mistral: [
    'logit_bias',
    'logprobs',
    'top_logprobs',
    'seed',
    'user',
    'verbosity',
    'safety_identifier',
    'prompt_cache_key',
    'reasoning_effort',
  ],
  xai: ['logit_bias', 'verbosity', 'safety_identifier', 'prompt_cache_key'],
};

/** Only the APIs of Anthropic and Google know these. */
const EXTENSIONS = ['thinking', 'top_k'] as const satisfies Parameter[];

/** Anthropic's range ends at 1, OpenAI's at 2. */
const LARGEST_CLAUDE_TEMPERATURE = 1;

export type AdaptedChat = {
  readonly body: ChatCompletionRequest;
  /** Names of the parameters that were left out, or `name=value` for a capped one. */
  readonly ignored: readonly string[];
};

/** @returns the same body if the model can take all of it. */
export function adaptToModel(body: ChatCompletionRequest, { info, price }: PricedModel): AdaptedChat {
  const ignored: string[] = [];
  let adapted = withoutParameters(body, UNSUPPORTED[info.provider] ?? [], ignored);
  // Without tools it has no effect, and Gemini cannot switch it off.
  if (info.provider === 'gemini' && (!body.tools?.length || body.parallel_tool_calls === true)) {
    adapted = withoutParameters(adapted, ['parallel_tool_calls'], []);
  }
  if (info.provider !== 'anthropic') {
    const known = info.provider === 'gemini' ? adapted : withoutParameters(adapted, EXTENSIONS, ignored);
    return { body: withoutClaude(known, ignored), ignored };
  }

  if ((adapted.temperature ?? 0) > LARGEST_CLAUDE_TEMPERATURE) {
    ignored.push(`temperature=${LARGEST_CLAUDE_TEMPERATURE}`);
    adapted = { ...adapted, temperature: LARGEST_CLAUDE_TEMPERATURE };
  }
  const hasHourPrice = price.tiers.some(({ picoUsdPerUnit }) => picoUsdPerUnit.cache_write_1h !== undefined);
  if (hasHourPrice || !hasCacheMark(adapted, '1h')) return { body: adapted, ignored };
  return { body: changeMarks(adapted, SHORTENED), ignored: [...ignored, 'cache_control.ttl=5m'] };
}

function withoutParameters(
  body: ChatCompletionRequest,
  names: readonly Parameter[],
  ignored: string[],
): ChatCompletionRequest {
  const given = names.filter((name) => body[name] !== undefined && body[name] !== null);
  if (given.length === 0) return body;
  const rest: Partial<ChatCompletionRequest> = { ...body };
  for (const name of given) delete rest[name];
  // A value without an effect is not worth mentioning.
  ignored.push(...given.filter((name) => body[name] !== 0 && body[name] !== false));
  return rest as ChatCompletionRequest;
}

/** Reasoning, cache marks, and images and documents in tool results are in a form of Claude's own. */
function withoutClaude(body: ChatCompletionRequest, ignored: string[]): ChatCompletionRequest {
  let adapted = body;
  if (hasCacheMark(adapted)) {
    ignored.push('cache_control');
    adapted = changeMarks(adapted, undefined);
  }
  if (!adapted.messages.some(needsPlainForm)) return adapted;
  return { ...adapted, messages: withMediaAfterResults(adapted.messages.map(toPlainForm)) };
}

function needsPlainForm(message: ChatMessage): boolean {
  if (message.role === 'assistant') return message.thinking_blocks !== undefined;
  return message.role === 'tool' && (message.is_error !== undefined || Array.isArray(message.content));
}

function toPlainForm(message: ChatMessage): ChatMessage {
  if (message.role === 'assistant') {
    const { thinking_blocks: _, ...plain } = message;
    return plain;
  }
  if (message.role !== 'tool') return message;
  const { is_error: _, ...plain } = message;
  return plain;
}

/** Images and documents of tool results follow all results of their turn, in a message of the user. */
function withMediaAfterResults(messages: readonly ChatMessage[]): ChatMessage[] {
  const moved: ChatMessage[] = [];
  let media: MediaPart[] = [];
  for (const message of messages) {
    if (message.role !== 'tool') {
      if (media.length > 0) moved.push({ role: 'user', content: media });
      media = [];
      moved.push(message);
      continue;
    }
    if (!Array.isArray(message.content)) {
      moved.push(message);
      continue;
    }
    media.push(...message.content.filter((part) => part.type !== 'text'));
    const texts = message.content.filter((part) => part.type === 'text');
    moved.push({ ...message, content: texts.length > 0 ? texts : '' });
  }
  if (media.length > 0) moved.push({ role: 'user', content: media });
  return moved;
}

type Mark = { type: 'ephemeral'; ttl?: '5m' | '1h' | null | undefined };
type Marked = { cache_control?: Mark | null | undefined };

const SHORTENED: Mark = { type: 'ephemeral' };

/** Replaces every cache mark, or removes it. */
function changeMarks(body: ChatCompletionRequest, mark: Mark | undefined): ChatCompletionRequest {
  const change = <One extends Marked>(one: One): One => {
    if (one.cache_control === undefined) return one;
    const { cache_control: known, ...rest } = one;
    return (known && mark ? { ...rest, cache_control: mark } : rest) as One;
  };
  const messages = body.messages.map((message) => {
    const changed = change(message);
    if (!Array.isArray(changed.content)) return changed;
    return { ...changed, content: (changed.content as Marked[]).map(change) } as ChatMessage;
  });
  return { ...body, messages, ...(body.tools && { tools: body.tools.map(change) }) };
}
