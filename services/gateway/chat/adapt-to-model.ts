/** Fits a chat request to its model: what the model cannot take and costs nothing is left out or capped. */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import { hasCacheMark, type MediaPart } from '#libs/pipelines/prompt-parts.ts';
import type { PricedModel } from '../prices/domain.ts';
import { fitToolHistory } from './domain/tool-history.ts';

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
/** https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility */
const SMALLEST_THINKING_TOP_P = 0.95;

/** Providers whose models read the reasoning of earlier turns as a text. Others refuse the field or skip it. */
const READS_REASONING: ReadonlySet<string> = new Set(['xai', 'ollama']);

/** Providers that take instructions of the role `developer`, or whose translation does. */
const KNOWS_DEVELOPER: ReadonlySet<string> = new Set(['openai', 'xai', 'anthropic', 'gemini']);

export type AdaptedChat = {
  readonly body: ChatCompletionRequest;
  /** Names of the parameters that were left out, or `name=value` for a capped one. */
  readonly ignored: readonly string[];
};

/** @returns the same body if the model can take all of it. */
export function adaptToModel(body: ChatCompletionRequest, { info, price }: PricedModel): AdaptedChat {
  const ignored: string[] = [];
  let adapted = fitToolHistory(body, info.provider);
  if (!KNOWS_DEVELOPER.has(info.provider)) adapted = withSystemRole(adapted);
  adapted = withoutParameters(adapted, UNSUPPORTED[info.provider] ?? [], ignored);
  if (!info.capabilities.reasoning) adapted = withoutReasoning(adapted, ignored);
  if (info.provider === 'anthropic' || info.provider === 'gemini') adapted = withUserMessage(adapted);
  if (info.provider === 'gemini' && body.parallel_tool_calls !== undefined) {
    // Gemini can always call several functions at once.
    if (body.parallel_tool_calls === false && body.tools?.length) ignored.push('parallel_tool_calls');
    adapted = withoutParameters(adapted, ['parallel_tool_calls'], []);
  }
  if (info.provider !== 'anthropic') {
    const known = info.provider === 'gemini' ? adapted : withoutParameters(adapted, EXTENSIONS, ignored);
    return { body: withoutClaude(known, info.provider, ignored), ignored };
  }

  adapted = fitToClaude(adapted, ignored);
  const hasHourPrice = price.tiers.some(({ picoUsdPerUnit }) => picoUsdPerUnit.cache_write_1h !== undefined);
  if (hasHourPrice || !hasCacheMark(adapted, '1h')) return { body: adapted, ignored };
  return { body: changeMarks(adapted, SHORTENED), ignored: [...ignored, 'cache_control.ttl=5m'] };
}

/** The switches of reasoning. Those that switch it off have no effect on a model without it. */
function withoutReasoning(body: ChatCompletionRequest, ignored: string[]): ChatCompletionRequest {
  const isOff =
    body.thinking?.type === 'disabled' || (!body.thinking && (body.reasoning_effort ?? 'none') === 'none');
  return withoutParameters(body, ['thinking', 'reasoning_effort'], isOff ? [] : ignored);
}

function withSystemRole(body: ChatCompletionRequest): ChatCompletionRequest {
  if (!body.messages.some(({ role }) => role === 'developer')) return body;
  const messages = body.messages.map((message) =>
    message.role === 'developer' ? { ...message, role: 'system' as const } : message,
  );
  return { ...body, messages };
}

/** These providers need a message that is no instruction. A last instruction can be one of the user. */
function withUserMessage(body: ChatCompletionRequest): ChatCompletionRequest {
  const isInstruction = ({ role }: ChatMessage) => role === 'system' || role === 'developer';
  if (!body.messages.every(isInstruction)) return body;
  const messages = [...body.messages];
  const last = messages.pop();
  return { ...body, messages: [...messages, { ...last, role: 'user' } as ChatMessage] };
}

function fitToClaude(body: ChatCompletionRequest, ignored: string[]): ChatCompletionRequest {
  const { thinking, reasoning_effort: effort, temperature, stop } = body;
  let fitted = body;
  if ((temperature ?? 0) > LARGEST_CLAUDE_TEMPERATURE) {
    ignored.push(`temperature=${LARGEST_CLAUDE_TEMPERATURE}`);
    fitted = { ...fitted, temperature: LARGEST_CLAUDE_TEMPERATURE };
  }
  const thinks = thinking ? thinking.type !== 'disabled' : (effort ?? 'none') !== 'none';
  if (thinks) {
    const isPlain = fitted.temperature === LARGEST_CLAUDE_TEMPERATURE;
    fitted = withoutParameters(fitted, isPlain ? ['top_k'] : ['temperature', 'top_k'], ignored);
    if ((fitted.top_p ?? 1) < SMALLEST_THINKING_TOP_P) fitted = withoutParameters(fitted, ['top_p'], ignored);
  }
  const kept = [stop ?? []].flat().filter((text) => text.trim() !== '');
  if (kept.length === [stop ?? []].flat().length) return fitted;
  ignored.push('stop');
  return { ...fitted, stop: kept };
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
function withoutClaude(
  body: ChatCompletionRequest,
  provider: string,
  ignored: string[],
): ChatCompletionRequest {
  let adapted = body;
  if (hasCacheMark(adapted)) {
    ignored.push('cache_control');
    adapted = changeMarks(adapted, undefined);
  }
  const readsReasoning = READS_REASONING.has(provider);
  if (!adapted.messages.some((message) => needsPlainForm(message, readsReasoning))) return adapted;
  const plain = adapted.messages.map((message) => toPlainForm(message, readsReasoning));
  return { ...adapted, messages: withMediaAfterResults(plain) };
}

function needsPlainForm(message: ChatMessage, readsReasoning: boolean): boolean {
  if (message.role === 'assistant') {
    return (
      message.thinking_blocks !== undefined || (!readsReasoning && message.reasoning_content !== undefined)
    );
  }
  return message.role === 'tool' && (message.is_error !== undefined || Array.isArray(message.content));
}

function toPlainForm(message: ChatMessage, readsReasoning: boolean): ChatMessage {
  if (message.role === 'assistant') {
    const { thinking_blocks: _, reasoning_content: reasoning, ...plain } = message;
    return readsReasoning && reasoning ? { ...plain, reasoning_content: reasoning } : plain;
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
