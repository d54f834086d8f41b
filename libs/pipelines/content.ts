/**
 * Content for a topic: which provider calls that takes, what each may cost at most, and what it says. The gateway
 * prices the plan and generation runs it, both through this module, so that they cannot disagree.
 */
import type { ChatMessage } from '#libs/contracts/chat-completions.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/work.ts';
import { CONTENT_STEPS, type ContentStep, stepMessages } from './content-prompts.ts';
import { bytesBound } from './prompt-bound.ts';
import { planTextCall, type TextModel, textTokens } from './text-call.ts';

type Step = {
  /** Output cap in tokens, before the plan's cap and the scale. */
  readonly outputTokens: number;
  /** The step whose text is handed over. */
  readonly from: ContentStep | null;
  readonly counts: Readonly<Record<string, number>>;
};

const STEPS: Readonly<Record<ContentStep, Step>> = {
  research: { outputTokens: 500, from: null, counts: {} },
  write: { outputTokens: 1_200, from: 'research', counts: {} },
  edit: { outputTokens: 1_200, from: 'write', counts: { 'gen.blog': 1 } },
  social: { outputTokens: 500, from: 'edit', counts: { 'gen.social': 1 } },
};

/** A quarter of the ordinary length is the least that is still an article. */
export const SMALLEST_SCALE = 0.25;

/** Below this no step produces anything of use. */
const SMALLEST_OUTPUT_TOKENS = 64;

/** Room for the text of a step in the prompt of the next. English takes 4 to 5 bytes a token, few languages more. */
const BYTES_PER_TOKEN = 6;

const utf8 = new TextEncoder();

export type ContentPlanInput = TextModel & {
  request: GenerateRequest;
  /** The plan's cap for one call; null leaves it to the step. */
  outputTokensCap: number | null;
  /** Share of the ordinary caps, from {@link SMALLEST_SCALE} to 1: shorter texts where longer ones do not fit. */
  scale?: number;
};

/** The steps a request takes, in order; social posts are made from an article. */
export function contentSteps({
  content_types: types,
}: Pick<GenerateRequest, 'content_types'>): ContentStep[] {
  return CONTENT_STEPS.filter((step) => step !== 'social' || types.includes('social'));
}

/** The step whose text a step works on. */
export function sourceOf(step: ContentStep): ContentStep | null {
  return STEPS[step].from;
}

export function isContentStep(step: string): step is ContentStep {
  return step in STEPS;
}

/** Every call of a request with true upper bounds: a prompt has no more tokens than bytes. */
export function planContent(input: ContentPlanInput): CallPlan {
  const calls = contentSteps(input.request).map((step, index) => planStep(input, step, index));
  return { kind: 'generate', calls };
}

function planStep(input: ContentPlanInput, step: ContentStep, index: number): PlannedCall {
  const { request } = input;
  const { from, counts } = STEPS[step];
  const outputTokens = outputCap(input, step);
  const carriedBytes = from === null ? 0 : outputCap(input, from) * BYTES_PER_TOKEN;
  const inputTokens = bytesBound(stepMessages(step, request, '…')) + carriedBytes;
  return planTextCall(input, { index, step, counts }, { inputTokens, outputTokens });
}

function outputCap({ model, outputTokensCap, scale = 1 }: ContentPlanInput, step: ContentStep): number {
  const ordinary = textTokens(model, STEPS[step].outputTokens);
  const scaled = Math.max(SMALLEST_OUTPUT_TOKENS, Math.floor(ordinary * scale));
  return Math.min(scaled, outputTokensCap ?? scaled, model.maxOutputTokens);
}

/**
 * The prompt of a planned step, within the bound it was planned with.
 * @param carried what the step before wrote, cut at its end if it is longer than the plan assumed.
 * @throws RangeError when not even the bare prompt fits: then it is not the request that was planned.
 */
export function promptOf(
  step: ContentStep,
  request: GenerateRequest,
  carried: string,
  inputTokens: number,
): ChatMessage[] {
  const whole = stepMessages(step, request, carried);
  const excess = bytesBound(whole) - inputTokens;
  if (excess <= 0) return whole;
  const room = utf8.encode(carried).length - excess;
  if (room < 0) throw new RangeError(`The prompt of ${step} is larger than planned`);
  return stepMessages(step, request, cutToBytes(carried, room));
}

/** The longest beginning of a text that fits, in whole characters, without a broken last word. */
export function cutToBytes(text: string, maxBytes: number): string {
  const { read } = utf8.encodeInto(text, new Uint8Array(maxBytes));
  if (read === text.length) return text;
  const cut = text.slice(0, read);
  const lastSpace = cut.search(/\s\S*$/);
  return lastSpace > 0 ? cut.slice(0, lastSpace) : cut;
}
