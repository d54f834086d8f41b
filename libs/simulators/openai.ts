import { piecesOf, reasonsByItself } from './answer.ts';
import {
  type Answer,
  type Call,
  type Choice,
  type CompatibleProvider,
  type Dialect,
  type Finish,
  type Frame,
  type JsonSchema,
  Refusal,
} from './dialect.ts';
import {
  isObject,
  type JsonObject,
  objectOr,
  objectsOf,
  optionalInteger,
  optionalText,
  textOr,
} from './json.ts';
import { bearerToken, writeCompatibleRefusal } from './openai-errors.ts';
import { promptTokens, type Usage } from './usage.ts';
import { countOpenAiAudio, countOpenAiPrompt } from './vendor-tokens/openai-prompt.ts';
import { openAiCounter } from './vendor-tokens/text-tokens.ts';

/** What a `low`-detail to medium image costs: https://platform.openai.com/docs/guides/images-vision */
const imageTokens = 765;

/**
 * Chat completions as OpenAI, xAI, Mistral and Ollama write them.
 * @see https://platform.openai.com/docs/api-reference/chat
 */
export function openAiDialect(provider: CompatibleProvider): Dialect {
  return {
    provider,
    idPrefix: 'chatcmpl-',
    requestIdHeader: 'x-request-id',
    // Ollama runs on one's own machine and asks for no key
    credential: (target) => bearerToken(target) ?? (provider === 'ollama' ? 'none' : undefined),
    read: (body) => readChat(body, provider),
    writeAnswer: (answer) => writeCompletion(answer, provider),
    writeFrames: (answer) => writeChunks(answer, provider),
    writeRefusal: (refusal, requestId) => writeCompatibleRefusal(refusal, provider, requestId),
  };
}

/** OpenAI refuses these, although they ask for nothing. */
function refuseWhatChangesNothing(request: JsonObject, messages: readonly JsonObject[]): void {
  const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0;
  if (isEmpty(request.tools)) throw invalid("Invalid 'tools': empty array.", 'tools');
  for (const name of ['tool_choice', 'parallel_tool_calls']) {
    if (request.tools === undefined && request[name] !== undefined) {
      throw invalid(`'${name}' is only allowed when 'tools' are specified.`, name);
    }
  }
  if (request.metadata !== undefined && request.store !== true) {
    throw invalid("The 'metadata' parameter is only allowed when 'store' is enabled.", 'metadata');
  }
  messages.forEach((message, index) => {
    const param = `messages[${index}].tool_calls`;
    if (isEmpty(message.tool_calls)) throw invalid(`Invalid '${param}': empty array.`, param);
  });
}

function readChat(body: unknown, provider: CompatibleProvider): Call {
  const request = objectOr(body);
  const model = optionalText(request.model);
  if (!model) throw invalid('you must provide a model parameter', null);
  const messages = objectsOf(request.messages);
  if (messages.length === 0) throw invalid("Missing required parameter: 'messages'.", 'messages');
  const stream = request.stream === true;
  const includesUsage = objectOr(request.stream_options).include_usage === true;
  if (isObject(request.stream_options) && !stream) {
    throw invalid(
      "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
      'stream_options',
    );
  }
  if (provider === 'openai') refuseWhatChangesNothing(request, messages);
  const effort = request.reasoning_effort;
  const reasons = reasonsByItself(model) && effort !== 'none' && effort !== 'minimal';
  const maxTokens = optionalInteger(request.max_tokens, 'max_tokens');
  if (provider === 'openai' && maxTokens !== undefined && reasonsByItself(model)) {
    throw new Refusal(
      400,
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { code: 'unsupported_parameter', param: 'max_tokens' },
    );
  }
  const prompt = readMessages(messages, request.tools);
  return {
    model,
    stream,
    cap: optionalInteger(request.max_completion_tokens, 'max_completion_tokens') ?? maxTokens,
    choices: optionalInteger(request.n, 'n', { max: 128 }) ?? 1,
    prompt,
    countPrompt: (mode) => countOpenAiPrompt(request, provider, mode),
    countAudio: (mode) => countOpenAiAudio(request, mode),
    countText: (text) => openAiCounter(model)(text),
    tools: objectsOf(request.tools).map((tool) => {
      const definition = objectOr(tool.function);
      return { name: textOr(definition.name), schema: objectOr(definition.parameters) };
    }),
    toolChoice: readToolChoice(request.tool_choice),
    outputSchema: readFormat(objectOr(request.response_format), prompt.parts),
    reasons,
    // Mistral always sends usage with its last chunk
    usageInStream: includesUsage || provider === 'mistral',
    cachesByItself: provider === 'openai' || provider === 'xai',
    images: 0,
    endUser: optionalText(request.user),
  };
}

function invalid(message: string, param: string | null): Refusal {
  return new Refusal(400, message, param === null ? {} : { param });
}

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

function readMessages(messages: readonly JsonObject[], tools: unknown): Call['prompt'] {
  const parts = Array.isArray(tools) && tools.length > 0 ? [JSON.stringify(tools)] : [];
  let images = 0;
  let system = '';
  let user = '';
  let toolResult: string | undefined;
  messages.forEach((message, index) => {
    const role = textOr(message.role);
    if (!roles.has(role)) throw invalid(`Invalid value: '${role}'.`, `messages[${index}].role`);
    const content = objectsOf(message.content);
    const texts = content.flatMap((part) => optionalText(part.text) ?? []);
    const text = content.length > 0 ? texts.join('\n') : textOr(message.content);
    images += content.filter((part) => part.type === 'image_url').length;
    toolResult = role === 'tool' ? text : undefined;
    if (role === 'user') user = text;
    if (role === 'system' || role === 'developer') system += text;
    parts.push(text);
    if (message.tool_calls !== undefined) parts.push(JSON.stringify(message.tool_calls));
  });
  return {
    parts,
    imageTokens: images * imageTokens,
    system,
    user,
    toolResult,
    cacheMarks: [],
    cacheForAnHour: false,
  };
}

function readToolChoice(choice: unknown): Call['toolChoice'] {
  if (choice === 'none' || choice === 'required') return choice;
  const name = objectOr(objectOr(choice).function).name;
  return typeof name === 'string' ? { name } : 'auto';
}

function readFormat(format: JsonObject, parts: readonly string[]): JsonSchema | undefined {
  if (format.type === 'json_schema') return objectOr(objectOr(format.json_schema).schema);
  if (format.type !== 'json_object') return undefined;
  if (!parts.some((part) => /json/i.test(part))) {
    throw invalid(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      'messages',
    );
  }
  return {};
}

const finishReasons: Readonly<Record<Finish, string>> = {
  stop: 'stop',
  length: 'length',
  tool: 'tool_calls',
  filtered: 'content_filter',
};

function writeUsage(usage: Usage, provider: CompatibleProvider): JsonObject {
  const prompt = promptTokens(usage);
  // xAI adds reasoning to the total but not to completion_tokens: https://docs.x.ai/docs/guides/reasoning
  const completion = provider === 'xai' ? usage.output : usage.output + usage.reasoning;
  const totals = {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + usage.output + usage.reasoning,
  };
  const detailed = provider === 'openai' || provider === 'xai' || usage.cacheRead > 0 || usage.reasoning > 0;
  if (!detailed) return totals;
  return {
    ...totals,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, audio_tokens: usage.audio },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

function writeCompletion(answer: Answer, provider: CompatibleProvider): string {
  const { id, model, createdAtSeconds, choices, usage, reportsUsage } = answer;
  return JSON.stringify({
    id,
    object: 'chat.completion',
    created: createdAtSeconds,
    model,
    choices: choices.map(({ text, toolCall, finish }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: toolCall ? null : text,
        refusal: null,
        ...(toolCall && { tool_calls: [writeToolCall(toolCall, toolCall.arguments)] }),
      },
      logprobs: null,
      finish_reason: finishReasons[finish],
    })),
    ...(reportsUsage && { usage: writeUsage(usage, provider) }),
    system_fingerprint: 'fp_simulator',
  });
}

function writeToolCall({ id, name }: { id: string; name: string }, text: string) {
  return { id: `call_${id}`, type: 'function', function: { name, arguments: text } };
}

function writeChunks(answer: Answer, provider: CompatibleProvider): Frame[] {
  const { id, model, createdAtSeconds, choices, call, usage } = answer;
  const head = JSON.stringify({
    id,
    object: 'chat.completion.chunk',
    created: createdAtSeconds,
    model,
    system_fingerprint: 'fp_simulator',
  }).slice(0, -1);
  const sendsUsage = answer.reportsUsage && call.usageInStream;
  const tail = sendsUsage ? ',"usage":null}\n\n' : '}\n\n';
  const frames: Frame[] = [];
  let outputTokens = 0;
  const push = (index: number, delta: string, finish = 'null') => {
    const choice = `{"index":${index},"delta":${delta},"logprobs":null,"finish_reason":${finish}}`;
    frames.push({ text: `data: ${head},"choices":[${choice}]${tail}`, outputTokens });
  };

  choices.forEach((choice, index) => {
    push(index, firstDelta(choice));
  });
  const streams = choices.map((choice) => piecesOf(choice, answer.pieces));
  const longest = Math.max(...streams.map((pieces) => pieces.length));
  for (let turn = 0; turn < longest; turn += 1) {
    streams.forEach((pieces, index) => {
      const piece = pieces[turn];
      if (!piece) return;
      outputTokens += piece.tokens - (pieces[turn - 1]?.tokens ?? 0);
      const text = JSON.stringify(piece.text);
      push(
        index,
        choices[index]?.toolCall
          ? `{"tool_calls":[{"index":0,"function":{"arguments":${text}}}]}`
          : `{"content":${text}}`,
      );
    });
  }
  choices.forEach(({ finish }, index) => {
    push(index, '{}', `"${finishReasons[finish]}"`);
  });
  if (sendsUsage) {
    const text = `data: ${head},"choices":[],"usage":${JSON.stringify(writeUsage(usage, provider))}}\n\n`;
    frames.push({ text, outputTokens, isUsage: true });
  }
  frames.push({ text: 'data: [DONE]\n\n', outputTokens });
  return frames;
}

function firstDelta({ toolCall }: Choice): string {
  if (!toolCall) return '{"role":"assistant","content":"","refusal":null}';
  const start = { index: 0, ...writeToolCall(toolCall, '') };
  return JSON.stringify({ role: 'assistant', content: null, tool_calls: [start], refusal: null });
}

/** The models each provider lists; any other name is served too. */
const listedModels: Readonly<Record<CompatibleProvider, readonly string[]>> = {
  openai: ['gpt-4o', 'gpt-4o-mini', 'gpt-5', 'gpt-5-mini', 'o3', 'o4-mini', 'gpt-image-1', 'dall-e-3'],
  xai: ['grok-3', 'grok-3-mini', 'grok-4', 'grok-2-image'],
  mistral: ['mistral-large-latest', 'mistral-small-latest', 'ministral-8b-latest'],
  ollama: ['llama3.2', 'qwen3', 'mistral-nemo'],
};

/** The body of `GET /v1/models`. */
export function listModels(provider: CompatibleProvider): JsonObject {
  const data = listedModels[provider].map((id) => ({
    id,
    object: 'model',
    created: 1_735_689_600,
    owned_by: provider,
  }));
  return { object: 'list', data };
}
