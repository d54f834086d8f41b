import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { readsParts } from './domain/check-parts.ts';

/** The first parameter of a request that a model does not support. */
function unsupportedParameter(body: ChatCompletionRequest, { capabilities }: ModelInfo): string | undefined {
  if (body.tools !== undefined && !capabilities.tools) return 'tools';
  return body.stream && !capabilities.streaming ? 'stream' : undefined;
}

/** Whether a model supports everything a request uses. */
export function canCompleteChat(body: ChatCompletionRequest, model: ModelInfo): boolean {
  return (
    readsParts(body, model) && takesStops(body, model) && unsupportedParameter(body, model) === undefined
  );
}

/** Most stop sequences of providers that have a limit. https://ai.google.dev/api/generate-content */
const MAX_STOPS: Readonly<Record<string, number>> = { openai: 4, xai: 4, gemini: 5 };

function takesStops({ stop }: ChatCompletionRequest, { provider }: ModelInfo): boolean {
  return !Array.isArray(stop) || stop.length <= (MAX_STOPS[provider] ?? stop.length);
}

/** @throws ProblemError `unsupported_parameter` */
export function requireCapabilities(body: ChatCompletionRequest, info: ModelInfo): void {
  if (!takesStops(body, info)) {
    throw problem('unsupported_parameter', {
      detail: `stop: the model ${info.model} takes at most ${MAX_STOPS[info.provider]} sequences.`,
      fields: { param: 'stop', model: info.model },
    });
  }
  const param = unsupportedParameter(body, info);
  if (param === undefined) return;
  throw problem('unsupported_parameter', {
    detail: `The model ${info.model} does not support \`${param}\`.`,
    fields: { param, model: info.model },
  });
}
