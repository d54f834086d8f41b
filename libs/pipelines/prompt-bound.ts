/**
 * Upper bounds of the tokens in a chat prompt.
 *
 * Every tokenizer in use works on the bytes of the text (byte-level BPE, or SentencePiece with byte fallback), so a
 * text never has more tokens than UTF-8 bytes. The constants below bound the tokens that providers add to messages and
 * tools: OpenAI adds 3 or 4 tokens to a message, Anthropic up to 346 for tools.
 */
import type { ChatCompletionRequest, ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';

const PROMPT_OVERHEAD = 64;
const MESSAGE_OVERHEAD = 16;
const TOOLS_OVERHEAD = 600;

/** Upper bound of the tokens that the provider adds to the client's texts. */
export function overheadTokens(request: ChatCompletionRequest): number {
  return (
    PROMPT_OVERHEAD +
    request.messages.length * MESSAGE_OVERHEAD +
    (request.tools === undefined ? 0 : TOOLS_OVERHEAD)
  );
}

/** Number of images in the messages. */
export function countImages(request: ChatCompletionRequest): number {
  let images = 0;
  for (const { content } of request.messages) {
    if (typeof content === 'string' || content === null || content === undefined) continue;
    for (const part of content) if (part.type === 'image_url') images += 1;
  }
  return images;
}

/**
 * A bound that does not read the texts: JSON never encodes a text in fewer bytes than UTF-8, so the length of the body
 * bounds the bytes of all texts in it.
 */
export function cheapPromptBound(
  request: ChatCompletionRequest,
  bodyBytes: number,
  model: ModelInfo,
): number {
  const images = countImages(request) * model.maxImageInputTokens;
  return Math.min(bodyBytes + overheadTokens(request) + images, model.contextWindow);
}

/** Every text that the provider turns into tokens; images are not included. */
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

/** The closer bound, from the counted tokens of {@link promptTexts}. */
export function promptBound(request: ChatCompletionRequest, textTokens: number, model: ModelInfo): number {
  return textTokens + overheadTokens(request) + countImages(request) * model.maxImageInputTokens;
}

const utf8 = new TextEncoder();

/** The bound of messages whose contents are texts, from their bytes. */
export function bytesBound(messages: ChatMessage[]): number {
  let bytes = 0;
  for (const { content } of messages) bytes += utf8.encode(content as string).length;
  return bytes + overheadTokens({ model: '', messages });
}
