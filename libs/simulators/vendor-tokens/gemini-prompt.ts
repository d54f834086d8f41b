/** Tokens of a request in Gemini's format. The tokenizer is not public. */
import { isObject, type JsonObject, objectOr, objectsOf, textOr } from '../json.ts';
import { GEMINI_IMAGES, imageTokens, sizeOfPng } from './image-tokens.ts';
import { audioTokens, documentTokens, GEMINI_AUDIO_PER_SECOND, GEMINI_PAGE } from './media-tokens.ts';
import { type CountMode, unpublishedCounter } from './text-tokens.ts';

const FACTOR = 1.2;
const AROUND_PROMPT = 2;
const AROUND_MESSAGE = 4;
const AROUND_TOOL = 8;

export function countGeminiPrompt(request: JsonObject, mode: CountMode): number {
  const count = unpublishedCounter(mode, FACTOR);
  let tokens = AROUND_PROMPT + countGeminiAudio(request, mode);
  const instruction = objectOr(request.systemInstruction);
  for (const content of [instruction, ...objectsOf(request.contents)]) {
    tokens += AROUND_MESSAGE;
    for (const part of objectsOf(content.parts)) {
      tokens += count(textOr(part.text));
      const structured = part.functionCall ?? part.functionResponse;
      if (structured !== undefined) tokens += count(JSON.stringify(structured));
      if (!isObject(part.inlineData) && !isObject(part.fileData)) continue;
      const data = textOr(objectOr(part.inlineData).data);
      const type = textOr(objectOr(part.inlineData).mimeType);
      if (type === 'application/pdf') tokens += documentTokens(data, GEMINI_PAGE, mode);
      if (!type.startsWith('image/') && !isObject(part.fileData)) continue;
      const size = sizeOfPng(data);
      tokens += imageTokens({ size }, GEMINI_IMAGES, mode);
    }
  }
  for (const { functionDeclarations } of objectsOf(request.tools))
    for (const tool of objectsOf(functionDeclarations)) tokens += AROUND_TOOL + count(JSON.stringify(tool));
  const config = objectOr(request.generationConfig);
  const schema = config.responseSchema ?? config.responseJsonSchema;
  return schema === undefined ? tokens : tokens + count(JSON.stringify(schema));
}

/** The tokens of recordings, which have a price of their own. */
export function countGeminiAudio(request: JsonObject, mode: CountMode): number {
  const parts = objectsOf(request.contents).flatMap(({ parts }) => objectsOf(parts));
  return parts.reduce((tokens, { inlineData }) => {
    const { mimeType, data } = objectOr(inlineData);
    if (!textOr(mimeType).startsWith('audio/')) return tokens;
    return tokens + audioTokens(textOr(data), GEMINI_AUDIO_PER_SECOND, mode);
  }, 0);
}
