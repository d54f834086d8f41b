import { piecesOf } from './answer.ts';
import { type Answer, type Call, type Dialect, type Finish, type Frame, Refusal } from './dialect.ts';
import {
  isObject,
  type JsonObject,
  objectOr,
  objectsOf,
  optionalInteger,
  optionalText,
  textOr,
} from './json.ts';
import type { Usage } from './usage.ts';
import { countAnthropicPrompt } from './vendor-tokens/anthropic-prompt.ts';
import { windowOf } from './vendor-tokens/media-tokens.ts';
import { unpublishedCounter } from './vendor-tokens/text-tokens.ts';

/** About what a photograph of common size costs: https://docs.anthropic.com/en/docs/build-with-claude/vision */
const imageTokens = 1500;

/**
 * Anthropic's messages.
 * @see https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
export const anthropicDialect: Dialect = {
  provider: 'anthropic',
  idPrefix: 'msg_',
  requestIdHeader: 'request-id',
  credential: ({ headers }) =>
    optionalText(headers['x-api-key']) ?? /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1],
  read: (body, { headers }) => readMessages(body, headers['anthropic-version']),
  writeAnswer,
  writeFrames,
  writeRefusal: ({ status, message }, requestId) =>
    JSON.stringify({
      type: 'error',
      error: { type: errorTypes[status] ?? 'api_error', message },
      request_id: requestId,
    }),
};

/** https://docs.anthropic.com/en/api/errors */
const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

function readMessages(body: unknown, version: unknown): Call {
  if (version === undefined) throw new Refusal(400, 'anthropic-version: header is required');
  const request = objectOr(body);
  const model = optionalText(request.model);
  if (!model) throw new Refusal(400, 'model: Field required');
  const cap = optionalInteger(request.max_tokens, 'max_tokens');
  if (cap === undefined) throw new Refusal(400, 'max_tokens: Field required');
  const messages = objectsOf(request.messages);
  if (messages.length === 0) throw new Refusal(400, 'messages: at least one message is required');
  return {
    model,
    stream: request.stream === true,
    cap,
    choices: 1,
    prompt: readPrompt(request, messages),
    countPrompt: (mode) => countAnthropicPrompt(request, mode),
    countAudio: () => 0,
    window: windowOf('anthropic', model.split('#', 1)[0] ?? model),
    countText: (text) => unpublishedCounter('documented', 1)(text),
    tools: objectsOf(request.tools).map((tool) => ({
      name: textOr(tool.name),
      schema: objectOr(tool.input_schema),
    })),
    toolChoice: readToolChoice(objectOr(request.tool_choice)),
    outputSchema: readFormat(objectOr(objectOr(request.output_config).format)),
    reasons: ['enabled', 'adaptive'].includes(textOr(objectOr(request.thinking).type)),
    usageInStream: true,
    cachesByItself: false,
    images: 0,
    endUser: optionalText(objectOr(request.metadata).user_id),
  };
}

/** The model reads tools, then the system prompt, then the messages; a cache mark covers all that came before it. */
function readPrompt(request: JsonObject, messages: readonly JsonObject[]): Call['prompt'] {
  const parts: string[] = [];
  const cacheMarks: number[] = [];
  let cacheForAnHour = false;
  let images = 0;
  const read = (block: JsonObject): string => {
    const text = blockText(block);
    parts.push(text);
    images += countImages(block);
    if (isObject(block.cache_control)) {
      cacheMarks.push(parts.length);
      cacheForAnHour = block.cache_control.ttl === '1h';
    }
    return text;
  };

  for (const tool of objectsOf(request.tools)) read({ ...tool, type: 'definition' });
  const system = blocksOf(request.system).map(read).join('\n');
  let user = '';
  let toolResult: string | undefined;
  messages.forEach((message, index) => {
    const role = message.role;
    if (role !== 'user' && role !== 'assistant' && role !== 'system') {
      throw new Refusal(400, `messages.${index}.role: Input should be 'user' or 'assistant'`);
    }
    const blocks = blocksOf(message.content);
    const texts = blocks.map(read);
    if (role !== 'user') return;
    const result = blocks.findIndex((block) => block.type === 'tool_result');
    toolResult = texts[result];
    if (result < 0) user = texts.join('\n');
  });
  const imageCost = images * imageTokens;
  return { parts, imageTokens: imageCost, system, user, toolResult, cacheMarks, cacheForAnHour };
}

function blocksOf(content: unknown): JsonObject[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : objectsOf(content);
}

function blockText(block: JsonObject): string {
  switch (block.type) {
    case 'text':
      return textOr(block.text);
    case 'image':
      return '';
    case 'tool_result':
      return blocksOf(block.content).map(blockText).join('\n');
    default:
      return JSON.stringify(block);
  }
}

function countImages(block: JsonObject): number {
  if (block.type === 'image') return 1;
  return objectsOf(block.content).filter((inner) => inner.type === 'image').length;
}

function readToolChoice(choice: JsonObject): Call['toolChoice'] {
  if (choice.type === 'any') return 'required';
  if (choice.type === 'none') return 'none';
  return choice.type === 'tool' ? { name: textOr(choice.name) } : 'auto';
}

function readFormat(format: JsonObject) {
  return format.type === 'json_schema' ? objectOr(format.schema) : undefined;
}

const stopReasons: Readonly<Record<Finish, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool: 'tool_use',
  filtered: 'refusal',
};

/** Anthropic's `input_tokens` excludes tokens read from or written to the cache; its output includes thinking. */
function writeUsage(usage: Usage, cacheForAnHour: boolean, outputTokens = usage.output + usage.reasoning) {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheWrite,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation: {
      ephemeral_5m_input_tokens: cacheForAnHour ? 0 : usage.cacheWrite,
      ephemeral_1h_input_tokens: cacheForAnHour ? usage.cacheWrite : 0,
    },
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: Math.min(usage.reasoning, outputTokens) },
    server_tool_use: null,
    service_tier: 'standard',
  };
}

const thought = 'Let me see what is asked for, and what would help most.';

function writeBlocks({ call, choices, usage }: Answer): JsonObject[] {
  const [choice] = choices;
  const blocks: JsonObject[] = [];
  if (call.reasons && usage.reasoning > 0) {
    blocks.push({ type: 'thinking', thinking: thought, signature: 'c2ltdWxhdG9y' });
  }
  if (choice?.toolCall) {
    const { id, name, arguments: input } = choice.toolCall;
    blocks.push({ type: 'tool_use', id: `toolu_${id}`, name, input: parseInput(input) });
  } else if (choice && choice.text !== '') {
    blocks.push({ type: 'text', text: choice.text, citations: null });
  }
  return blocks;
}

/** Arguments that the cap cut short are no JSON; the vendor then hands out what it has, which may be nothing. */
function parseInput(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return {};
  }
}

function writeMessage(answer: Answer, details: JsonObject): JsonObject {
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model: answer.model,
    stop_sequence: null,
    ...details,
  };
}

function writeAnswer(answer: Answer): string {
  const finish = answer.choices[0]?.finish ?? 'stop';
  return JSON.stringify(
    writeMessage(answer, {
      content: writeBlocks(answer),
      stop_reason: stopReasons[finish],
      ...(answer.reportsUsage && {
        usage: writeUsage(answer.usage, answer.call.prompt.cacheForAnHour),
      }),
    }),
  );
}

function writeFrames(answer: Answer): Frame[] {
  const { usage, choices, reportsUsage, call } = answer;
  const { cacheForAnHour } = call.prompt;
  const frames: Frame[] = [];
  let outputTokens = 0;
  const push = (type: string, details: JsonObject) => {
    const text = `event: ${type}\ndata: ${JSON.stringify({ type, ...details })}\n\n`;
    frames.push({ text, outputTokens, isUsage: type === 'message_delta' });
  };

  push('message_start', {
    message: writeMessage(answer, {
      content: [],
      stop_reason: null,
      ...(reportsUsage && { usage: writeUsage(usage, cacheForAnHour, Math.min(1, usage.output)) }),
    }),
  });
  writeBlocks(answer).forEach((block, index) => {
    const delta = (change: JsonObject) => push('content_block_delta', { index, delta: change });
    push('content_block_start', { index, content_block: emptied(block) });
    if (index === 0) push('ping', {});
    if (block.type === 'thinking') {
      delta({ type: 'thinking_delta', thinking: block.thinking });
      delta({ type: 'signature_delta', signature: block.signature });
    } else if (choices[0]) {
      const isTool = block.type === 'tool_use';
      if (isTool) delta({ type: 'input_json_delta', partial_json: '' });
      for (const piece of piecesOf(choices[0], answer.pieces)) {
        outputTokens = piece.tokens;
        delta(
          isTool
            ? { type: 'input_json_delta', partial_json: piece.text }
            : { type: 'text_delta', text: piece.text },
        );
      }
    }
    push('content_block_stop', { index });
  });
  push('message_delta', {
    delta: { stop_reason: stopReasons[choices[0]?.finish ?? 'stop'], stop_sequence: null },
    ...(reportsUsage && { usage: writeUsage(usage, cacheForAnHour) }),
  });
  push('message_stop', {});
  return frames;
}

function emptied(block: JsonObject): JsonObject {
  if (block.type === 'thinking') return { ...block, thinking: '', signature: '' };
  return block.type === 'tool_use' ? { ...block, input: {} } : { ...block, text: '' };
}
