/**
 * Tokens of a request in Anthropic's format. The tokenizer is not public: a text has up to 1.35 times as many tokens as
 * with OpenAI's encoding.
 */
import { type JsonObject, objectOr, objectsOf, textOr } from '../json.ts';
import { anthropicImages, imageTokens, sizeOfPng } from './image-tokens.ts';
import { ANTHROPIC_PAGE, documentTokens } from './media-tokens.ts';
import { type CountMode, type TextCounter, unpublishedCounter } from './text-tokens.ts';

const FACTOR = 1.35;
const AROUND_PROMPT = 3;
const AROUND_MESSAGE = 4;
const AROUND_BLOCK = 3;
const AROUND_TOOL = 8;
/** https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing: the largest one, of Claude 3 Opus */
const TOOLS_PROMPT = { documented: 346, most: 530 };
const FORMAT_PROMPT = 200;

export function countAnthropicPrompt(request: JsonObject, mode: CountMode): number {
  const model = textOr(request.model).split('#', 1)[0] ?? '';
  const count = unpublishedCounter(mode, FACTOR);
  const formula = anthropicImages(model);
  let tokens = AROUND_PROMPT;
  const addBlocks = (content: unknown) => {
    if (typeof content === 'string') tokens += count(content);
    for (const block of objectsOf(content)) {
      tokens += AROUND_BLOCK + countBlock(block, count);
      if (block.type === 'tool_result') addBlocks(block.content);
      if (block.type === 'document') {
        tokens +=
          documentTokens(textOr(objectOr(block.source).data), ANTHROPIC_PAGE, mode) +
          count(textOr(block.title));
      }
      if (block.type !== 'image') continue;
      const size = sizeOfPng(textOr(objectOr(block.source).data));
      tokens += imageTokens({ size }, formula, mode);
    }
  };
  addBlocks(request.system);
  for (const message of objectsOf(request.messages)) {
    tokens += AROUND_MESSAGE;
    addBlocks(message.content);
  }
  const tools = objectsOf(request.tools);
  if (tools.length > 0) tokens += TOOLS_PROMPT[mode];
  for (const tool of tools) tokens += AROUND_TOOL + count(JSON.stringify(tool));
  const format = objectOr(objectOr(request.output_config).format);
  if (format.schema !== undefined) tokens += FORMAT_PROMPT + count(JSON.stringify(format.schema));
  return tokens;
}

/** The text of a block, without what is nested in it. */
function countBlock(block: JsonObject, count: TextCounter): number {
  switch (block.type) {
    case 'text':
      return count(textOr(block.text));
    case 'tool_use':
      return count(`${textOr(block.id)}${textOr(block.name)}${JSON.stringify(block.input)}`);
    case 'tool_result':
      return count(textOr(block.tool_use_id));
    default:
      return 0;
  }
}
