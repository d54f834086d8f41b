import { FunctionCallingMode } from '@google/generative-ai';
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { NormalisedChat } from '../domain/provider-adapter.ts';
import { ProviderError, unsupported } from '../domain/provider-error.ts';
import {
  parseArguments,
  pdfData,
  readImage,
  refuseParameters,
  systemText,
  textOf,
  thinkingBudget,
} from '../translation.ts';
import { withPlainRefs } from './schema-refs.ts';
import type { GeminiConfig, GeminiContent, GeminiFunction, GeminiPart, GeminiRequest } from './wire.ts';

/**
 * Gemini 3 requires the signature of a repeated function call. This value replaces one that the client has not repeated
 * (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/**
 * A chat as Gemini's contents.
 * @throws ProviderError `unsupported` for what Gemini lacks, `bad_request` for images that it cannot accept.
 * @see https://ai.google.dev/api/generate-content
 */
export function toGeminiRequest(chat: NormalisedChat): GeminiRequest {
  const { body } = chat;
  refuseParameters(body, {
    logit_bias: 'it does not expose tokens',
    logprobs: 'it does not expose tokens as OpenAI does',
    top_logprobs: 'it does not expose tokens as OpenAI does',
    verbosity: 'it has no such setting',
  });
  if (body.parallel_tool_calls === false) {
    throw unsupported('parallel_tool_calls', 'it can always call several functions at once');
  }
  const system = systemText(body.messages);
  return {
    contents: toContents(body.messages, chat.upstreamModel),
    ...(system !== '' && { systemInstruction: { role: 'system', parts: [{ text: system }] } }),
    ...(body.tools?.length && { tools: [{ functionDeclarations: body.tools.map(toFunction) }] }),
    ...toToolConfig(body),
    generationConfig: toConfig(body, chat),
    // other tiers have other prices
    serviceTier: 'standard',
  };
}

function toConfig(body: ChatCompletionRequest, chat: NormalisedChat): GeminiConfig {
  const budget = budgetOf(body, chat.outputTokens);
  return {
    maxOutputTokens: chat.outputTokens,
    ...(chat.choices > 1 && { candidateCount: chat.choices }),
    ...(typeof body.temperature === 'number' && { temperature: body.temperature }),
    ...(typeof body.top_p === 'number' && { topP: body.top_p }),
    ...(typeof body.top_k === 'number' && { topK: body.top_k }),
    ...(typeof body.seed === 'number' && { seed: body.seed }),
    ...(body.frequency_penalty && { frequencyPenalty: body.frequency_penalty }),
    ...(body.presence_penalty && { presencePenalty: body.presence_penalty }),
    ...(body.stop && { stopSequences: [body.stop].flat() }),
    ...(budget !== undefined && { thinkingConfig: { thinkingBudget: budget } }),
    ...toFormat(body),
  };
}

/** The reasoning budget inside the cap; undefined if the client leaves it to the model. */
function budgetOf(body: ChatCompletionRequest, cap: number): number | undefined {
  const { thinking } = body;
  if (thinking?.type === 'enabled') return Math.min(thinking.budget_tokens, cap);
  return thinking?.type === 'disabled' ? 0 : thinkingBudget(body, cap);
}

function toFormat({
  response_format: format,
}: ChatCompletionRequest): Pick<GeminiConfig, 'responseMimeType' | 'responseJsonSchema'> {
  if (format?.type === 'json_object') return { responseMimeType: 'application/json' };
  if (format?.type !== 'json_schema') return {};
  const { schema } = format.json_schema;
  return {
    responseMimeType: 'application/json',
    ...(schema && { responseJsonSchema: withPlainRefs(schema) }),
  };
}

function toContents(messages: readonly ChatMessage[], model: string): GeminiContent[] {
  const contents: GeminiContent[] = [];
  /** OpenAI's tool results contain the id of the call; Gemini requires the function's name. */
  const functionNames = new Map<string, string>();
  messages.forEach((message, index) => {
    if (message.role === 'system' || message.role === 'developer') return;
    if (message.role === 'assistant') {
      for (const call of message.tool_calls ?? []) functionNames.set(call.id, call.function.name);
    }
    const role = message.role === 'assistant' ? 'model' : 'user';
    const parts = toParts(message, index, functionNames, model);
    if (parts.length === 0) return;
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  });
  return contents;
}

function toParts(
  message: ChatMessage,
  index: number,
  functionNames: ReadonlyMap<string, string>,
  model: string,
): GeminiPart[] {
  if (message.role === 'tool') {
    const name = functionNames.get(message.tool_call_id);
    if (name === undefined) {
      const param = `messages.${index}.tool_call_id`;
      throw new ProviderError('bad_request', `${param} does not match a tool call of an earlier message.`, {
        param,
      });
    }
    return [{ functionResponse: { name, response: toResult(textOf(message.content)) } }];
  }
  if (message.role === 'assistant') {
    const unsigned = /^gemini-3/.test(model) ? NO_SIGNATURE : undefined;
    const calls = (message.tool_calls ?? []).map(({ function: { name, arguments: text }, ...call }) => {
      const signature = call.extra_content?.google.thought_signature ?? unsigned;
      return {
        functionCall: { name, args: parseArguments(text) },
        ...(signature && { thoughtSignature: signature }),
      };
    });
    return [...toTextParts(textOf(message.content) || (message.refusal ?? '')), ...calls];
  }
  if (typeof message.content === 'string') return toTextParts(message.content);
  return message.content.flatMap((part, position): GeminiPart[] => {
    if (part.type === 'text') return toTextParts(part.text);
    if (part.type === 'file') return [{ inlineData: { mimeType: 'application/pdf', data: pdfData(part) } }];
    if (part.type === 'input_audio') {
      const { data, format } = part.input_audio;
      return [{ inlineData: { mimeType: `audio/${format}`, data } }];
    }
    const param = `messages.${index}.content.${position}.image_url.url`;
    const image = readImage(part.image_url.url, param);
    if ('url' in image) {
      const message = `${param}: this model does not fetch images; send a base64 data URL.`;
      throw new ProviderError('bad_request', message, { param });
    }
    return [{ inlineData: { mimeType: image.mimeType, data: image.base64 } }];
  });
}

function toTextParts(text: string): GeminiPart[] {
  return text === '' ? [] : [{ text }];
}

/** A result must be an object. Most tools return one as JSON. Gemini 3 resolves references, so those stay a text. */
function toResult(text: string): object {
  if (text.includes('"$ref"')) return { result: text };
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
    return { result: value };
  } catch {
    return { result: text };
  }
}

function toFunction({ function: { name, description, parameters } }: ChatTool): GeminiFunction {
  return {
    name,
    ...(description !== undefined && { description }),
    ...(parameters &&
      Object.keys(parameters).length > 0 && { parametersJsonSchema: withPlainRefs(parameters) }),
  };
}

function toToolConfig({
  tools,
  tool_choice: choice,
}: ChatCompletionRequest): Pick<GeminiRequest, 'toolConfig'> {
  if (!tools?.length || choice === undefined) return {};
  const config =
    typeof choice === 'object'
      ? { mode: FunctionCallingMode.ANY, allowedFunctionNames: [choice.function.name] }
      : { mode: MODES[choice] };
  return { toolConfig: { functionCallingConfig: config } };
}

const MODES = {
  none: FunctionCallingMode.NONE,
  auto: FunctionCallingMode.AUTO,
  required: FunctionCallingMode.ANY,
} as const;
