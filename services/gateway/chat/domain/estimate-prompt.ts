import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { promptTexts, structuredTexts } from '#libs/pipelines/prompt-bound.ts';
import { type MediaPart, mediaParts, pdfOf, secondsOf } from '#libs/pipelines/prompt-parts.ts';
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
  const media = mediaParts(request).reduce((tokens, { part }) => tokens + estimatePart(part, info), 0);
  return written + request.messages.length * MESSAGE_TOKENS + media;
}

/** A page of text as Claude reads it: 1,500 to 3,000 tokens (https://platform.claude.com/docs/en/build-with-claude/pdf-support). */
const PAGE_TOKENS = 2_300;
const PAGE_OBJECT = /\/Type\s*\/Page(?!s)/g;

function estimatePart(part: MediaPart, info: ModelInfo): number {
  if (part.type === 'image_url') return info.maxImageInputTokens;
  if (part.type === 'input_audio') return (secondsOf(part) ?? 0) * (info.maxAudioTokensPerSecond ?? 0);
  const text = Buffer.from(pdfOf(part) ?? '', 'base64').toString('latin1');
  const pages = text.match(PAGE_OBJECT)?.length ?? 1;
  return pages * (info.maxPageInputTokens ?? PAGE_TOKENS);
}
