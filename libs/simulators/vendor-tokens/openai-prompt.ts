/**
 * Tokens of a chat in OpenAI's format.
 *
 * Messages are counted as in OpenAI's cookbook (https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken).
 * Tools count as the larger of the cookbook's `num_tokens_for_tools` and of the TypeScript that the models read
 * (https://cookbook.openai.com/articles/openai-harmony#function-calling).
 */
import { type JsonObject, objectOr, objectsOf, optionalText, textOr } from '../json.ts';
import { imageTokens, openAiImages, type PromptImage, sizeOfDataUrl } from './image-tokens.ts';
import { audioTokens, documentTokens, OPENAI_AUDIO_PER_SECOND, OPENAI_PAGE } from './media-tokens.ts';
import { type CountMode, openAiCounter, type TextCounter, unpublishedCounter } from './text-tokens.ts';
import { typeScriptOf } from './typescript-tools.ts';

const COMPLETION_START = 3;
const AROUND_MESSAGE = 3;
const NAME = 1;
/** `to=functions.NAME`, the channel and the end of a call. */
const AROUND_TOOL_CALL = 8;
/** Of vendors that do not publish their encoding. */
const OTHER_VENDORS_FACTOR = 1.2;

export function countOpenAiPrompt(request: JsonObject, provider: string, mode: CountMode): number {
  const model = textOr(request.model).split('#', 1)[0] ?? '';
  const count = provider === 'openai' ? openAiCounter(model) : unpublishedCounter(mode, OTHER_VENDORS_FACTOR);
  const formula = openAiImages(provider, model);
  let tokens = COMPLETION_START + countOpenAiAudio(request, mode);
  for (const message of objectsOf(request.messages)) {
    tokens += countMessage(message, count);
    for (const image of imagesOf(message)) tokens += imageTokens(image, formula, mode);
    for (const part of objectsOf(message.content)) tokens += countDocument(part, count, mode);
  }
  const tools = objectsOf(request.tools).map((tool) => objectOr(tool.function));
  if (tools.length > 0)
    tokens += provider === 'openai' ? countTools(tools, count) : count(JSON.stringify(request.tools));
  const format = objectOr(objectOr(request.response_format).json_schema);
  if (format.schema !== undefined)
    tokens += count(
      `# Response Formats\n\n## ${textOr(format.name)}\n\n// ${textOr(format.description)}\n${JSON.stringify(format.schema)}`,
    );
  return tokens;
}

function countMessage(message: JsonObject, count: TextCounter): number {
  let tokens = AROUND_MESSAGE + count(textOr(message.role));
  const name = optionalText(message.name);
  if (name !== undefined) tokens += NAME + count(name);
  if (typeof message.content === 'string') tokens += count(message.content);
  for (const part of objectsOf(message.content)) tokens += count(textOr(part.text) || textOr(part.refusal));
  for (const call of objectsOf(message.tool_calls)) {
    const { name: called, arguments: text } = objectOr(call.function);
    tokens += AROUND_TOOL_CALL + count(textOr(called)) + count(textOr(text));
  }
  return tokens + count(textOr(message.tool_call_id));
}

function countDocument(part: JsonObject, count: TextCounter, mode: CountMode): number {
  if (part.type !== 'file') return 0;
  const { file_data: url, filename } = objectOr(part.file);
  const [, base64 = ''] = textOr(url).split(',');
  return count(textOr(filename)) + documentTokens(base64, OPENAI_PAGE, mode);
}

/** The tokens of recordings, which have a price of their own. */
export function countOpenAiAudio(request: JsonObject, mode: CountMode): number {
  const parts = objectsOf(request.messages).flatMap(({ content }) => objectsOf(content));
  return parts.reduce((tokens, { type, input_audio: audio }) => {
    if (type !== 'input_audio') return tokens;
    return tokens + audioTokens(textOr(objectOr(audio).data), OPENAI_AUDIO_PER_SECOND, mode);
  }, 0);
}

function imagesOf(message: JsonObject): PromptImage[] {
  return objectsOf(message.content)
    .filter(({ type }) => type === 'image_url')
    .map((part) => {
      const { url, detail } = objectOr(part.image_url);
      return { size: sizeOfDataUrl(textOr(url)), isLowDetail: detail === 'low' };
    });
}

function countTools(tools: readonly JsonObject[], count: TextCounter): number {
  return Math.max(countByCookbook(tools, count), count(typeScriptOf(tools)));
}

/** The constants of `num_tokens_for_tools`, the larger one where they differ by model. */
const FUNCTION = 10;
const PROPERTIES = 3;
const PROPERTY = 3;
const ENUM_ITEM = 3;
const AFTER_FUNCTIONS = 12;

function countByCookbook(tools: readonly JsonObject[], count: TextCounter): number {
  let tokens = AFTER_FUNCTIONS;
  for (const { name, description, parameters } of tools) {
    tokens += FUNCTION + count(`${textOr(name)}:${textOr(description)}`);
    const properties = Object.entries(objectOr(objectOr(parameters).properties));
    if (properties.length > 0) tokens += PROPERTIES;
    for (const [key, value] of properties) {
      const property = objectOr(value);
      tokens += PROPERTY + count(`${key}:${textOr(property.type)}:${textOr(property.description)}`);
      const items = Array.isArray(property.enum) ? property.enum : [];
      for (const item of items) tokens += ENUM_ITEM + count(String(item));
    }
  }
  return tokens;
}
