/**
 * Upper bounds of the tokens in a chat prompt.
 *
 * Every tokenizer in use works on the bytes of the text (byte-level BPE, or SentencePiece with byte fallback), so a
 * text never has more tokens than UTF-8 bytes. What a vendor wraps around messages and tools is bounded by the
 * constants below, which are generous: OpenAI adds 3 or 4 tokens a message, Anthropic up to 346 for tools.
 */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';

const PROMPT_OVERHEAD = 64;
const MESSAGE_OVERHEAD = 16;
const TOOLS_OVERHEAD = 600;

/** Tokens the vendor adds to what the client wrote. */
export function overheadTokens(request: ChatCompletionRequest): number {
  return (
    PROMPT_OVERHEAD +
    request.messages.length * MESSAGE_OVERHEAD +
    (request.tools === undefined ? 0 : TOOLS_OVERHEAD)
  );
}

/** How many images the messages carry. */
export function countImages(request: ChatCompletionRequest): number {
  let images = 0;
  for (const { content } of request.messages) {
    if (typeof content === 'string' || content === null || content === undefined) continue;
    for (const part of content) if (part.type === 'image_url') images += 1;
  }
  return images;
}

/**
 * A bound that reads nothing: JSON never writes a text in fewer bytes than UTF-8 does, so the body's length bounds
 * the bytes of everything in it.
 */
export function cheapPromptBound(
  request: ChatCompletionRequest,
  bodyBytes: number,
  model: ModelInfo,
): number {
  const images = countImages(request) * model.maxImageInputTokens;
  return Math.min(bodyBytes + overheadTokens(request) + images, model.contextWindow);
}

/** Every piece of text that the provider will turn into tokens; images are left out. */
export function* promptTexts(request: ChatCompletionRequest): Generator<string> {
  for (const message of request.messages) {
    if ('name' in message && message.name !== undefined) yield message.name;
    if (typeof message.content === 'string') yield message.content;
    else if (Array.isArray(message.content)) {
      for (const part of message.content) {
        if (part.type === 'text') yield part.text;
        else if (part.type === 'refusal') yield part.refusal;
      }
    }
    if (message.role === 'assistant') {
      for (const call of message.tool_calls ?? [])
        yield call.function.name + call.function.arguments + call.id;
      if (message.refusal) yield message.refusal;
      if (message.reasoning_content) yield message.reasoning_content;
    }
    if (message.role === 'tool') yield message.tool_call_id;
  }
  if (request.tools !== undefined) yield JSON.stringify(request.tools);
  if (request.response_format?.type === 'json_schema') yield JSON.stringify(request.response_format);
}

/** The closer bound, from the tokens (or bytes) of {@link promptTexts}. */
export function promptBound(request: ChatCompletionRequest, textTokens: number, model: ModelInfo): number {
  return textTokens + overheadTokens(request) + countImages(request) * model.maxImageInputTokens;
}

const utf8 = new TextEncoder();

/** The bound of messages that are texts, from their bytes alone. */
export function bytesBound(messages: ChatMessage[]): number {
  let bytes = 0;
  for (const { content } of messages) bytes += utf8.encode(content as string).length;
  return bytes + overheadTokens({ model: '', messages });
}
