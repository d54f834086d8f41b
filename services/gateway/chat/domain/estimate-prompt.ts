import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { countImages, promptTexts, structuredTexts } from '#libs/pipelines/prompt-bound.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { countTokens } from '#libs/tokens/count-tokens.ts';

/** English text has 4 to 5 bytes per token, so this is rather high. */
const BYTES_PER_TOKEN = 3;
/** What a vendor adds to each message. */
const MESSAGE_TOKENS = 4;

/** The likely size of a prompt in tokens: counted where the model's tokenizer is public, from its bytes otherwise. */
export async function estimatePrompt(request: ChatCompletionRequest, info: ModelInfo): Promise<number> {
  const texts = [...promptTexts(request), ...structuredTexts(request)];
  const written =
    info.tokenizer === null
      ? Math.ceil(texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) / BYTES_PER_TOKEN)
      : await countTokens(texts, info.tokenizer);
  return written + request.messages.length * MESSAGE_TOKENS + countImages(request) * info.maxImageInputTokens;
}
