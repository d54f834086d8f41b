import type { FastifyInstance } from 'fastify';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import type { Caller } from '#libs/contracts/internal-context.ts';
import { outputCap, planChat } from '#libs/pipelines/chat.ts';
import { cheapPromptBound, promptBound, promptTexts } from '#libs/pipelines/prompt-bound.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { countTokens } from '#libs/tokens/count-tokens.ts';
import type { Planner } from '../metering/admit.ts';
import type { MeteringHook } from '../metering/hook.ts';
import { requireTextModel } from '../metering/model-access.ts';
import type { PriceBook, PricedModel } from '../metering/price-book.ts';

/** An answer shorter than this is not worth its prompt. */
const SMALLEST_OUTPUT_TOKENS = 16;

export type ChatCompletionsDependencies = {
  meter: MeteringHook;
  priceBook: PriceBook;
  callerOf: (request: Parameters<MeteringHook>[0]) => Caller;
};

/** `POST /v1/chat/completions`: one provider call, in OpenAI's format whoever answers it. */
export function registerChatCompletions(
  app: FastifyInstance,
  { meter, priceBook, callerOf }: ChatCompletionsDependencies,
): void {
  serveOperation(app, createChatCompletion, async (request, reply) => {
    const body = request.body as ChatCompletionRequest;
    const bodyBytes = request.rawBody?.length ?? 0;
    await meter(request, reply, callerOf(request), (entitlements) => {
      const model = requireTextModel(entitlements, priceBook, body.model);
      requireAbilities(body, model);
      return {
        path: '/v1/chat/completions',
        planner: chatPlanner(body, bodyBytes, model, entitlements.outputTokensCap.value),
        answerHeaders: ({ plan, scale }) =>
          scale < 1 ? { 'x-inkmeter-fitted-output-tokens': `${plan.calls[0]?.outputTokens}` } : {},
      };
    });
    return reply;
  });
}

function requireAbilities(body: ChatCompletionRequest, { info }: PricedModel): void {
  const lacking =
    body.tools !== undefined && !info.capabilities.tools
      ? 'tools'
      : body.stream && !info.capabilities.streaming
        ? 'stream'
        : undefined;
  if (lacking !== undefined) {
    throw problem('unsupported_parameter', {
      detail: `The model ${info.model} does not support \`${lacking}\`.`,
      fields: { param: lacking, model: info.model },
    });
  }
}

function chatPlanner(
  body: ChatCompletionRequest,
  bodyBytes: number,
  { info, wire }: PricedModel,
  outputTokensCap: number | null,
): Planner {
  const cap = outputCap(body, info, outputTokensCap);
  let counted: Promise<number> | undefined;
  return {
    canCount: true,
    fitBudget: body.fit_budget ?? false,
    smallestScale: () => Math.min(1, SMALLEST_OUTPUT_TOKENS / cap),
    async plan({ exact, scale }) {
      const outputTokens = Math.max(Math.min(cap, SMALLEST_OUTPUT_TOKENS), Math.floor(cap * scale));
      if (!exact) {
        return planChat(body, info, wire, {
          inputTokens: cheapPromptBound(body, bodyBytes, info),
          outputTokens,
        });
      }
      counted ??= countTokens(promptTexts(body), info.tokenizer);
      const inputTokens = promptBound(body, await counted, info);
      if (info.contextWindow > 0 && inputTokens > info.contextWindow * 2) throw problem('prompt_too_large');
      return planChat(body, info, wire, {
        inputTokens: Math.min(inputTokens, info.contextWindow),
        outputTokens,
      });
    },
  };
}
