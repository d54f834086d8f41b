/** Gemini's contents as a chat (https://ai.google.dev/api/generate-content). */
import type { ChatCompletionRequest, ChatMessage, ChatTool } from '#libs/contracts/chat-completions.ts';
import type { GeminiContent, GenerateContentRequest } from '#libs/contracts/gemini.ts';
import { toMessages } from './messages.ts';
import { toJsonSchema } from './schema.ts';

type Prompt = Pick<GenerateContentRequest, 'contents' | 'systemInstruction' | 'tools'>;
type Config = NonNullable<GenerateContentRequest['generationConfig']>;

/** Claude's smallest budget, which the chat format has adopted. */
const SMALLEST_BUDGET = 1_024;
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high'] as const;

/** What the model reads of a request. */
export function promptOf(
  model: string,
  { contents, systemInstruction, tools }: Prompt,
): ChatCompletionRequest {
  const system = systemInstruction && textOf(systemInstruction);
  const first: ChatMessage[] = system ? [{ role: 'system', content: system }] : [];
  const functions = (tools ?? []).flatMap((tool) => tool.functionDeclarations.map(toTool));
  return {
    model,
    messages: [...first, ...toMessages(contents)],
    ...(functions.length > 0 && { tools: functions }),
  };
}

export function toChat(
  model: string,
  request: GenerateContentRequest,
  stream: boolean,
): ChatCompletionRequest {
  const { generationConfig: config = {}, fit_budget, allow_degraded } = request;
  const chat = promptOf(model, request);
  return {
    ...chat,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
    ...(chat.tools && toToolChoice(request.toolConfig, chat.tools)),
    ...(config.maxOutputTokens !== undefined && { max_tokens: config.maxOutputTokens }),
    ...(config.temperature !== undefined && { temperature: config.temperature }),
    ...(config.topP !== undefined && { top_p: config.topP }),
    ...(config.topK !== undefined && { top_k: config.topK }),
    ...(config.candidateCount !== undefined && { n: config.candidateCount }),
    ...(config.stopSequences?.length && { stop: config.stopSequences }),
    ...(config.seed !== undefined && { seed: config.seed }),
    ...(config.presencePenalty !== undefined && { presence_penalty: config.presencePenalty }),
    ...(config.frequencyPenalty !== undefined && { frequency_penalty: config.frequencyPenalty }),
    ...toFormat(config),
    ...toThinking(config),
    ...(fit_budget !== undefined && { fit_budget }),
    ...(allow_degraded !== undefined && { allow_degraded }),
  };
}

/** The texts of a content. */
export function textOf({ parts }: GeminiContent): string {
  return parts.flatMap(({ text, thought }) => (text && !thought ? [text] : [])).join('\n');
}

type Declaration = NonNullable<Prompt['tools']>[number]['functionDeclarations'][number];

function toTool({ name, description, parameters, parametersJsonSchema: schema }: Declaration): ChatTool {
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      ...((schema ?? parameters) && { parameters: schema ?? toJsonSchema(parameters ?? {}) }),
    },
  };
}

function toToolChoice(
  config: GenerateContentRequest['toolConfig'],
  tools: ChatTool[],
): Pick<ChatCompletionRequest, 'tools' | 'tool_choice'> {
  const { mode = 'AUTO', allowedFunctionNames: names = [] } = config?.functionCallingConfig ?? {};
  if (/^none$/i.test(mode)) return { tool_choice: 'none' };
  if (!/^any$/i.test(mode)) return {};
  const allowed = tools.filter(({ function: { name } }) => names.length === 0 || names.includes(name));
  const [only, ...others] = allowed;
  if (only === undefined) return { tool_choice: 'required' };
  if (others.length > 0) return { tools: allowed, tool_choice: 'required' };
  return { tool_choice: { type: 'function', function: { name: only.function.name } } };
}

function toFormat(config: Config): Pick<ChatCompletionRequest, 'response_format'> {
  const { responseSchema, responseJsonSchema } = config;
  const schema = responseJsonSchema ?? (responseSchema && toJsonSchema(responseSchema));
  if (schema) return { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } };
  return config.responseMimeType === 'application/json' ? { response_format: { type: 'json_object' } } : {};
}

/** A budget of -1 leaves it to the model. */
function toThinking({
  thinkingConfig: config = {},
}: Config): Pick<ChatCompletionRequest, 'thinking' | 'reasoning_effort'> {
  const { thinkingBudget: budget = -1, thinkingLevel: level } = config;
  const effort = EFFORTS.find((one) => one === level?.toLowerCase());
  if (effort !== undefined) return { reasoning_effort: effort };
  if (budget === 0) return { reasoning_effort: 'none' };
  if (budget < 0) return {};
  return { thinking: { type: 'enabled', budget_tokens: Math.max(SMALLEST_BUDGET, budget) } };
}
