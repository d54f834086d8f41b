/**
 * The provider calls of content, with true upper bounds. The gateway prices and holds them; generation runs the same steps.
 */
import type { ContentInputs, OutlineApproval } from '#libs/contracts/content-inputs.ts';
import type { GenerateRequest } from '#libs/contracts/generate.ts';
import type { CallPlan, PlannedCall } from '#libs/contracts/generation-requests.ts';
import { ProblemError, problem } from '#libs/problems/problems.ts';
import { planSpeechCall, planTranscriptionCall } from '../audio.ts';
import { planSafetyCall, SAFETY_STEP } from '../safety.ts';
import { planSearchCall } from '../search.ts';
import {
  type ModelChain,
  planChain,
  plansOfFallbacks,
  planTextCall,
  type TextModel,
  textTokens,
} from '../text-call.ts';
import { planHeroImage } from './hero-image.ts';
import { tokensForWords, wordsForTokens } from './language.ts';
import { briefOf, contentSteps, requestedWords, SCALE_STEPS } from './pipeline.ts';
import { stepPromptBound } from './prompt.ts';
import { sourceLimit } from './sources.ts';
import { type ContentBrief, type ContentStep, dependenciesOf, isWritten, type ModelRole } from './step.ts';
import { pieceBound } from './voice-over.ts';

/** Tokens of an object that are not its texts: names of fields, quotes and brackets. */
const JSON_TOKENS = 200;
/** The longest step of an article is this much longer than the article. */
const LONGEST_STEP = 1.1;

export type ContentPlanInput = TextModel & {
  request: GenerateRequest;
  inputs?: ContentInputs;
  /** The models of research, by provider. */
  searchModels?: readonly TextModel[];
  /** The models of parts that are not texts. */
  mediaModels?: MediaModels;
  /** Moderates what others wrote or said before it enters a prompt; undefined if the catalogue does not ask for it. */
  moderation?: TextModel | undefined;
  kind: 'generate' | 'job';
  /** The models of each role, each with its fallbacks behind it; `model` for all steps if absent. */
  models?: Readonly<Record<ModelRole, readonly TextModel[]>>;
  /** The plan's cap for one call; null for none. */
  outputTokensCap: number | null;
  /** Share of the requested length, from 0 to 1. */
  scale?: number;
  /** For a job that continues. */
  resumed?: {
    /** Its share of the requested length, in thousandths. Its steps follow from it, so it cannot change. */
    scale: number;
    /** Steps that need not run again. */
    done: ReadonlySet<string>;
    approval?: OutlineApproval | undefined;
  };
};

/** What draws, speaks and listens, if the request asks for it. */
export type MediaModels = {
  readonly image?: Omit<Parameters<typeof planHeroImage>[0], 'altText'>;
  /** Describes images. */
  readonly vision?: ModelChain;
  readonly speech?: ModelChain;
  readonly transcription?: ModelChain;
};

/** The step and number of a planned call: `blog.edit#2` repairs or continues `blog.edit`. */
const REPAIR_MARK = '#2';

/** A quarter of the requested length is the shortest useful article. */
export const SMALLEST_SCALE = 0.25;
/** Each attempt to fit a context window is this much shorter. */
const NEXT_SCALE = 0.8;

/**
 * Plans the requested length, or the longest whose steps fit into the model's context window: the step that edits an article
 * reads all of it.
 *
 * @throws ProblemError `prompt_too_large` if even the shortest does not fit.
 */
export function planContent(input: ContentPlanInput): CallPlan & { scale: number } {
  if (input.resumed !== undefined) return planAtScale(input, input.resumed.scale);
  for (let scale = scaleOf(input); ; scale = Math.floor(scale * NEXT_SCALE)) {
    try {
      return planAtScale(input, scale);
    } catch (error) {
      if (!(error instanceof ProblemError) || scale <= SMALLEST_SCALE * SCALE_STEPS) throw error;
    }
  }
}

function planAtScale(input: ContentPlanInput, scale: number): CallPlan & { scale: number } {
  const brief = briefOf(input.request, scale, input.inputs, input.resumed?.approval);
  const calls: PlannedCall[] = [];
  for (const step of contentSteps(brief)) {
    if (input.resumed?.done.has(step.key)) continue;
    calls.push(...planStep(input, brief, step, calls.length));
  }
  return { kind: input.kind, calls, scale };
}

/** The budget's share, and at most what an output cap allows. */
function scaleOf({ request, inputs, model, outputTokensCap, scale = 1 }: ContentPlanInput): number {
  const cap = Math.min(outputTokensCap ?? model.maxOutputTokens, model.maxOutputTokens);
  const visible = cap - textTokens(model, 0);
  const { plannedLanguage } = briefOf(request, SCALE_STEPS, inputs);
  const most =
    wordsForTokens(visible, plannedLanguage, model.tokenizer) / (requestedWords(request) * LONGEST_STEP);
  return Math.max(1, Math.floor(Math.min(scale, most, 1) * SCALE_STEPS));
}

/** The calls of a step: the first, and one that may repair its output. */
function planStep(
  input: ContentPlanInput,
  brief: ContentBrief,
  step: ContentStep,
  index: number,
): PlannedCall[] {
  const { spec } = step;
  if (spec.kind === 'search')
    return moderated(input, planSearchStep(input, brief, step, spec.provider, index));
  if (spec.kind === 'transcription') return moderated(input, planMediaCall(input, step, index));
  if (!isWritten(step)) return [planMediaCall(input, step, index)];
  const [first = input, ...others] = input.models?.[step.role] ?? [];
  const calls = planStepFor(input, first, brief, step, index);
  const fallbacks = plansOfFallbacks(others, (model) => planStepFor(input, model, brief, step, index));
  if (fallbacks.length === 0) return calls;
  return calls.map((call, at) => ({ ...call, fallbacks: fallbacks.flatMap((list) => list[at] ?? []) }));
}

function planStepFor(
  { outputTokensCap }: ContentPlanInput,
  target: TextModel,
  brief: ContentBrief,
  step: ContentStep,
  index: number,
): PlannedCall[] {
  const { model } = target;
  const isObject = step.spec.kind === 'json';
  const structuredOutput = isObject && model.capabilities.jsonSchema;
  const bounds = stepPromptBound(step, brief, { model: model.model, structuredOutput });
  const wanted =
    tokensForWords(step.words, brief.plannedLanguage, model.tokenizer) + (isObject ? JSON_TOKENS : 0);
  const outputTokens = Math.min(
    textTokens(model, wanted),
    outputTokensCap ?? model.maxOutputTokens,
    model.maxOutputTokens,
  );
  const after = dependenciesOf(step);
  const plan = (name: string, at: number, counts: ContentStep['counts'], promptTokens: number) => {
    const call = planTextCall(
      target,
      { index: at, step: name, counts },
      { promptTokens, carriedTokens: 0, outputTokens },
    );
    if (call.inputTokens < promptTokens) throw problem('prompt_too_large');
    return { ...call, ...(structuredOutput && { structuredOutput }) };
  };
  const first = { ...plan(step.key, index, step.counts, bounds.first), after };
  if (!step.hasSpare) return [first];
  const repair = {
    ...plan(`${step.key}${REPAIR_MARK}`, index + 1, {}, bounds.repair),
    after: [step.key],
    isSpare: true,
  };
  return [first, repair];
}

/** @throws ProblemError `service_unavailable` for a provider that is not sold any more. */
function planSearchStep(
  { searchModels = [] }: ContentPlanInput,
  brief: ContentBrief,
  step: ContentStep,
  provider: string,
  index: number,
): PlannedCall {
  const find = (name: string) => searchModels.find(({ model }) => model.provider === name);
  const found = find(provider);
  if (found === undefined)
    throw problem('service_unavailable', { detail: `The search provider ${provider} is not in use.` });
  const fallbacks = (brief.inputs.research_fallbacks ?? []).flatMap((name) => find(name) ?? []);
  const call = planChain({ ...found, fallbacks }, (one) => planSearchCall(one, index, sourceLimit(brief)));
  return placed(call, index, step);
}

/** The call, with its fallbacks, as that of a step. */
function placed(call: PlannedCall, index: number, step: ContentStep): PlannedCall {
  const own = { index, step: step.key, counts: step.counts, after: dependenciesOf(step) };
  const { fallbacks } = call;
  return { ...call, ...own, ...(fallbacks && { fallbacks: fallbacks.map((one) => ({ ...one, ...own })) }) };
}

/** Pages and transcripts are moderated before anything is written from them. */
function moderated({ moderation }: ContentPlanInput, call: PlannedCall): PlannedCall[] {
  if (moderation === undefined) return [call];
  return [call, { ...planSafetyCall(moderation, call.index + 1), after: [call.step] }];
}

/** @throws Error if the model that the step needs was not given. */
function planMediaCall(input: ContentPlanInput, step: ContentStep, index: number): PlannedCall {
  return placed(mediaCallOf(input, step), index, step);
}

function mediaCallOf(
  { mediaModels = {}, outputTokensCap }: ContentPlanInput,
  { spec }: ContentStep,
): PlannedCall {
  const { image, vision, speech, transcription } = mediaModels;
  if (spec.kind === 'speech') {
    if (speech === undefined) throw new Error('A voice-over needs a model that speaks.');
    return planSpeechCall(speech, pieceBound(spec));
  }
  if (spec.kind === 'transcription') {
    if (transcription === undefined) throw new Error('A transcript needs a model that listens.');
    return planTranscriptionCall(transcription, spec.seconds);
  }
  if (image === undefined || vision === undefined)
    throw new Error('An image needs models that draw and see.');
  const { draw, describe } = planHeroImage({ ...image, altText: { ...vision, outputTokensCap } });
  return spec.kind === 'image' ? draw : describe;
}

/** The step that a planned call belongs to. */
export function stepOfCall({ step, after = [] }: Pick<PlannedCall, 'step' | 'after'>): string {
  if (step === SAFETY_STEP) return after[0] ?? step;
  return step.endsWith(REPAIR_MARK) ? step.slice(0, -REPAIR_MARK.length) : step;
}
