import type { FastifyInstance } from 'fastify';
import type { ChatCompletionRequest } from '#libs/contracts/chat-completions.ts';
import { createChatCompletion } from '#libs/contracts/chat-operations.ts';
import { outputCap, planChat } from '#libs/pipelines/chat.ts';
import { cheapPromptBound, countImages, promptBound, promptTexts } from '#libs/pipelines/prompt-bound.ts';
import type { ModelInfo } from '#libs/pricing/model.ts';
import { problem } from '#libs/problems/problems.ts';
import { serveOperation } from '#libs/service/serve-operation.ts';
import { countTokens } from '#libs/tokens/count-tokens.ts';
import type { Planner } from '../metering/admit.ts';
import type { MeteredRouteDependencies } from '../metering/pipeline.ts';
import type { PricedModel } from '../metering/price-book.ts';

/** An answer shorter than this is not worth its prompt. */
const SMALLEST_OUTPUT_TOKENS = 16;

/** `POST /v1/chat/completions`: one provider call, in OpenAI's format whoever answers it. */
export function registerChatCompletions(
  app: FastifyInstance,
  { meter, callerOf }: MeteredRouteDependencies,
): void {
  serveOperation(app, createChatCompletion, async (request, reply) => {
    const bodyBytes = request.rawBody?.length ?? 0;
    await meter(request, reply, callerOf(request), {
      needs: createChatCompletion.needs,
      paced: { generation: false, stream: request.body.stream ?? false },
      body: request.body as ChatCompletionRequest,
      isUsable: (info) => isCapableOf(request.body as ChatCompletionRequest, info),
      describe({ body, model: modelFor, entitlements }) {
        const model = modelFor('text');
        requireAbilities(body, model);
        return {
          planner: chatPlanner(body, bodyBytes, model, entitlements.outputTokensCap.value),
          answerHeaders: ({ plan, scale }) =>
            scale < 1 ? { 'x-inkmeter-fitted-output-tokens': `${plan.calls[0]?.outputTokens}` } : {},
        };
      },
    });
    return reply;
  });
}

/** The first parameter of a request that a model has no use for. */
function lackingAbility(body: ChatCompletionRequest, { capabilities }: ModelInfo): string | undefined {
  if (body.tools !== undefined && !capabilities.tools) return 'tools';
  return body.stream && !capabilities.streaming ? 'stream' : undefined;
}

function isCapableOf(body: ChatCompletionRequest, model: ModelInfo): boolean {
  const sees = model.capabilities.vision || countImages(body) === 0;
  return sees && lackingAbility(body, model) === undefined;
}

function requireAbilities(body: ChatCompletionRequest, { info }: PricedModel): void {
  const lacking = lackingAbility(body, info);
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
