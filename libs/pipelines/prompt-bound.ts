/**
 * Upper bounds of the tokens in a chat prompt.
 *
 * Plain texts are bounded by their bytes ({@link byteBound}), or by their tokens where the model's tokenizer is public.
 * Tools, schemas and tool calls are always bounded by the bytes of their JSON: vendors render them in forms of their own,
 * which can have more tokens than the JSON. Images, documents and recordings are bounded by the maxima that the price book
 * has for their model; where there is none, only the context window bounds the prompt.
 */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { byteBound } from './byte-bound.ts';
import { type MediaPart, mediaParts, secondsOf } from './prompt-parts.ts';

/** Around the whole prompt. OpenAI adds 3 tokens, which start the completion. */
const PROMPT_OVERHEAD = 64;
/** For each message. OpenAI adds 3 or 4 tokens (cookbook, "How to count tokens with tiktoken"). */
const MESSAGE_OVERHEAD = 16;
/** For each text or image of a message with several parts. */
const PART_OVERHEAD = 8;
/**
 * The system prompt that a vendor adds when tools are given. The largest documented one has 530 tokens (Claude 3 Opus,
 * https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing).
 */
const TOOLS_OVERHEAD = 600;
/** The system prompt that a vendor adds for structured output. Anthropic documents that there is one, without its size. */
const FORMAT_OVERHEAD = 600;
/**
 * For each value in a JSON document, in addition to its bytes. OpenAI's cookbook (`num_tokens_for_tools`) adds 3 tokens to
 * each property and enum item, and 7 to a function, whose JSON has more than 40 bytes of punctuation.
 */
const VALUE_OVERHEAD = 4;

/** Upper bound of the tokens that the provider adds to the client's texts. */
export function overheadTokens(request: ChatCompletionRequest): number {
  let parts = 0;
  for (const { content } of request.messages) if (Array.isArray(content)) parts += content.length;
  return (
    PROMPT_OVERHEAD +
    request.messages.length * MESSAGE_OVERHEAD +
    parts * PART_OVERHEAD +
    (request.tools === undefined ? 0 : TOOLS_OVERHEAD) +
    (request.response_format === undefined ? 0 : FORMAT_OVERHEAD)
  );
}

/** The most pages of a document that any provider reads (Gemini: https://ai.google.dev/gemini-api/docs/document-processing). */
const MAX_PAGES = 1_000;

/** The maxima of a model that bound what is not text. */
export type MediaMaxima = Pick<
  ModelInfo,
  'maxImageInputTokens' | 'maxPageInputTokens' | 'maxAudioTokensPerSecond'
>;

/** Upper bound of the tokens of a part that is not text; infinite if the model documents no maximum. */
function mediaBound(part: MediaPart, model: MediaMaxima): number {
  switch (part.type) {
    case 'image_url':
      return model.maxImageInputTokens;
    case 'file':
      return MAX_PAGES * (model.maxPageInputTokens ?? Number.POSITIVE_INFINITY);
    case 'input_audio': {
      const seconds = secondsOf(part) ?? Number.POSITIVE_INFINITY;
      return seconds * (model.maxAudioTokensPerSecond ?? Number.POSITIVE_INFINITY);
    }
  }
}

/** Every plain text that the provider turns into tokens. */
export function promptTexts({ messages }: Pick<ChatCompletionRequest, 'messages'>): string[] {
  const texts: string[] = [];
  for (const message of messages) {
    if ('name' in message && message.name !== undefined) texts.push(message.name);
    if (message.role === 'tool') continue;
    addContent(message, texts);
    if (message.role !== 'assistant') continue;
    if (message.refusal) texts.push(message.refusal);
    if (message.reasoning_content) texts.push(message.reasoning_content);
    for (const block of message.thinking_blocks ?? []) {
      texts.push(block.type === 'thinking' ? block.thinking : block.data);
    }
  }
  return texts;
}

/** Every text that the provider renders in a form of its own: tools, schemas, tool calls and their results. */
export function structuredTexts(request: ChatCompletionRequest): string[] {
  const texts: string[] = [];
  for (const message of request.messages) {
    if (message.role === 'assistant' && message.tool_calls) texts.push(JSON.stringify(message.tool_calls));
    if (message.role !== 'tool') continue;
    texts.push(message.tool_call_id);
    addContent(message, texts);
  }
  if (request.tools !== undefined) texts.push(JSON.stringify(request.tools));
  if (request.tool_choice !== undefined) texts.push(JSON.stringify(request.tool_choice));
  if (request.response_format?.type === 'json_schema') texts.push(JSON.stringify(request.response_format));
  return texts;
}

function addContent({ content }: ChatMessage, texts: string[]): void {
  if (typeof content === 'string') texts.push(content);
  if (!Array.isArray(content)) return;
  for (const part of content) {
    if (part.type === 'text') texts.push(part.text);
    else if (part.type === 'refusal') texts.push(part.refusal);
    else if (part.type === 'file' && part.file.filename) texts.push(part.file.filename);
  }
}

/** The bound of everything in a prompt except its plain texts. Infinite if only the context window bounds it. */
export function fixedPromptBound(request: ChatCompletionRequest, model: MediaMaxima): number {
  let tokens = overheadTokens(request);
  for (const { part } of mediaParts(request)) tokens += mediaBound(part, model);
  for (const text of structuredTexts(request)) tokens += structuredBound(text);
  return tokens;
}

/** Bytes, and {@link VALUE_OVERHEAD} for each value: a value follows an opening bracket, a comma or a colon. */
function structuredBound(json: string): number {
  let separators = 1;
  for (let i = 0; i < json.length; i += 1) {
    const code = json.charCodeAt(i);
    if (code === COMMA || code === COLON || code === BRACKET || code === BRACE) separators += 1;
  }
  return byteBound(json) + separators * VALUE_OVERHEAD;
}

const COMMA = ','.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const BRACKET = '['.charCodeAt(0);
const BRACE = '{'.charCodeAt(0);

/** The bound of a prompt from its bytes, which holds for every tokenizer. Infinite if only the context window bounds it. */
export function promptBound(request: ChatCompletionRequest, model: MediaMaxima): number {
  return fixedPromptBound(request, model) + textsBound(promptTexts(request));
}

/** The bound of the plain texts of a prompt from their bytes. */
export function textsBound(texts: readonly string[]): number {
  let tokens = 0;
  for (const text of texts) tokens += byteBound(text);
  return tokens;
}

/** The bound of messages whose contents are texts, from their bytes. */
export function bytesBound(messages: ChatMessage[]): number {
  let bytes = 0;
  for (const { content } of messages) bytes += byteBound(content as string);
  return bytes + overheadTokens({ model: '', messages });
}
