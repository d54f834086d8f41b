/**
 * Content about a topic: its provider calls, their bounds and their prompts. The gateway plans with this module and
 * generation runs the plan with it, so both agree on the bounds.
 */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { byteBound, cutToByteBound } from './byte-bound.ts';
import { CONTENT_STEPS, type ContentStep, stepMessages } from './content-prompts.ts';
import { bytesBound } from './prompt-bound.ts';
import { planTextCall, type TextModel, textTokens } from './text-call.ts';

type Step = {
  /** Output cap in tokens, before the plan's cap and the scale. */
  readonly outputTokens: number;
  /** The step whose text is part of the prompt. */
  readonly from: ContentStep | null;
  readonly counts: Readonly<Record<string, number>>;
};

const STEPS: Readonly<Record<ContentStep, Step>> = {
  research: { outputTokens: 500, from: null, counts: {} },
  write: { outputTokens: 1_200, from: 'research', counts: {} },
  edit: { outputTokens: 1_200, from: 'write', counts: { 'gen.blog': 1 } },
  social: { outputTokens: 500, from: 'edit', counts: { 'gen.social': 1 } },
};

/** A quarter of the usual length is the shortest useful article. */
export const SMALLEST_SCALE = 0.25;

/** No step produces useful text with fewer tokens. */
const SMALLEST_OUTPUT_TOKENS = 64;

/** Room for the text of a step in the prompt of the next. English has 4 to 5 bytes per token, few languages have more. */
const BYTES_PER_TOKEN = 6;

/** Stands for the text of the previous step. */
const PLACEHOLDER = '…';

export type ContentPlanInput = TextModel & {
  request: GenerateRequest;
  /** The plan's cap for one call; null for the step's own. */
  outputTokensCap: number | null;
  /** Share of the usual caps, from {@link SMALLEST_SCALE} to 1. */
  scale?: number;
};

/** The steps of a request, in order. Social posts are written from an article. */
export function contentSteps({
  content_types: types,
}: Pick<GenerateRequest, 'content_types'>): ContentStep[] {
  return CONTENT_STEPS.filter((step) => step !== 'social' || types.includes('social'));
}

/** The step whose text a step uses; null for the first. */
export function sourceOf(step: ContentStep): ContentStep | null {
  return STEPS[step].from;
}

export function isContentStep(step: string): step is ContentStep {
  return step in STEPS;
}

/**
 * Every call of a request, with true upper bounds: a prompt has at most as many tokens as bytes.
 * @throws ProblemError `prompt_too_large` if the request does not fit into the model's context window.
 */
export function planContent(input: ContentPlanInput): CallPlan {
  const calls = contentSteps(input.request).map((step, index) => planStep(input, step, index));
  return { kind: 'generate', calls };
}

function planStep(input: ContentPlanInput, step: ContentStep, index: number): PlannedCall {
  const { request } = input;
  const { from, counts } = STEPS[step];
  const outputTokens = outputCap(input, step);
  const carriedBytes = from === null ? 0 : outputCap(input, from) * BYTES_PER_TOKEN;
  const promptTokens = bytesBound(stepMessages(step, request, PLACEHOLDER));
  return planTextCall(
    input,
    { index, step, counts },
    { promptTokens, carriedTokens: carriedBytes, outputTokens },
  );
}

function outputCap({ model, outputTokensCap, scale = 1 }: ContentPlanInput, step: ContentStep): number {
  const usual = textTokens(model, STEPS[step].outputTokens);
  const scaled = Math.max(SMALLEST_OUTPUT_TOKENS, Math.floor(usual * scale));
  return Math.min(scaled, outputTokensCap ?? scaled, model.maxOutputTokens);
}

/**
 * The prompt of a planned step, within the bound it was planned with.
 * @param carried the previous step's text, truncated if it is longer than planned.
 * @throws RangeError when even the prompt without it does not fit: it is not the planned request.
 */
export function promptOf(
  step: ContentStep,
  request: GenerateRequest,
  carried: string,
  inputTokens: number,
): ChatMessage[] {
  const whole = stepMessages(step, request, carried);
  if (bytesBound(whole) <= inputTokens) return whole;
  const room = inputTokens - bytesBound(stepMessages(step, request, PLACEHOLDER)) + byteBound(PLACEHOLDER);
  if (room < 0) throw new RangeError(`The prompt of ${step} is larger than planned.`);
  return stepMessages(step, request, cutToByteBound(carried, room));
}
