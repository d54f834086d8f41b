/** The pipeline of a request: the steps of every content type, as data. */
import type { ContentInputs, OutlineApproval } from '#libs/contracts/content-inputs.ts';
import {
  CONTENT_KIT,
  type GenerateRequest,
  MIN_WORDS,
  OUTLINED_WORDS,
  type Part,
} from '#libs/contracts/generate.ts';
import { adsPipeline } from './ads.ts';
import { articleStep, blogPipeline } from './blog.ts';
import { assembleContentKit } from './content-kit.ts';
import { contentPlanPipeline } from './content-plan.ts';
import { heroImagePipeline } from './hero-image.ts';
import { imagePromptsPipeline } from './image-prompts.ts';
import { detectLanguage, languageCode, UNDETERMINED } from './language.ts';
import { newsletterPipeline } from './newsletter.ts';
import { isMediaPart, partsOf } from './parts.ts';
import {
  INSIGHTS_INPUT,
  insightsPipeline,
  readsInsights,
  recordingSteps,
  transcriptPipeline,
} from './recording.ts';
import { replyPipeline } from './reply.ts';
import { researchKeys, researchSteps } from './research.ts';
import { assembleRewrite, REWRITE, rewriteSteps } from './rewrite.ts';
import { audioPipeline, videoPipeline } from './scripts.ts';
import { seoPipeline } from './seo.ts';
import { socialPipeline } from './social.ts';
import { presentSources, refusedSources, sourcesOf } from './sources.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  type DocumentContent,
  SOURCE,
  type StepInput,
  type StepOutputs,
} from './step.ts';
import { voiceOverPipeline } from './voice-over.ts';

const PIPELINES: Readonly<Record<Exclude<Part, typeof CONTENT_KIT>, ContentPipeline>> = {
  blog: blogPipeline,
  social: socialPipeline,
  audio: audioPipeline,
  video: videoPipeline,
  newsletter: newsletterPipeline,
  seo: seoPipeline,
  content_plan: contentPlanPipeline,
  image_prompts: imagePromptsPipeline,
  hero_image: heroImagePipeline,
  voice_over: voiceOverPipeline,
  transcript: transcriptPipeline,
  insights: insightsPipeline,
  ads: adsPipeline,
  reply: replyPipeline,
};

const WORDS = { short: 300, medium: 800, long: 1_500 } as const;

/** Words of the requested article. */
export function requestedWords({ length }: Pick<GenerateRequest, 'length'>): number {
  return typeof length === 'string' ? WORDS[length] : length;
}

/** The scale is kept in thousandths, so that the gateway and generation compute the same pipeline. */
export const SCALE_STEPS = 1_000;
/** Of a budget of about a thousand tokens. */
const TIGHT_SCALE = 500;

/**
 * @param scale share of the requested length, in thousandths.
 * @param inputs texts of the account that the request names.
 * @param approval of the outline, once it is given.
 * @param spokenLanguage of the recording, once it is transcribed.
 */
export function briefOf(
  request: GenerateRequest,
  scale: number,
  inputs: ContentInputs = {},
  approval?: OutlineApproval,
  spokenLanguage?: string,
): ContentBrief {
  const plannedLanguage = languageOf(request, inputs);
  const isSpoken = plannedLanguage === UNDETERMINED && inputs.recording !== undefined;
  const language = (isSpoken ? spokenLanguage : undefined) ?? plannedLanguage;
  const hasOutline = request.outline_approval === true || request.pipeline !== undefined;
  const least = hasOutline ? OUTLINED_WORDS : MIN_WORDS;
  const words = Math.max(least, Math.floor((requestedWords(request) * scale) / SCALE_STEPS));
  return {
    ...{ request, words, language, plannedLanguage, inputs, approval },
    research: request.research === true ? researchKeys(inputs.research ?? []) : [],
    hasSpares: scale === SCALE_STEPS,
    isTight: scale < TIGHT_SCALE || inputs.budget === 'tiny',
    basis: basisOf(request),
  };
}

function languageOf(
  { language, topic, text }: GenerateRequest,
  { source, recording }: ContentInputs,
): string {
  if (language !== undefined) return languageCode(language);
  const written = topic ?? text;
  if (written === undefined && source?.language !== undefined) return source.language;
  const known = written ?? source?.text;
  return known === undefined && recording !== undefined ? UNDETERMINED : detectLanguage(known ?? '');
}

function basisOf(request: GenerateRequest): StepInput[] {
  if (readsInsights(request)) return [INSIGHTS_INPUT];
  return hasSource(request) ? [{ from: SOURCE, label: 'text', words: 0 }] : [];
}

function hasSource({ text, url, document_id: documentId, generation_id: jobId }: GenerateRequest): boolean {
  return [text, url, documentId, jobId].some((source) => source !== undefined);
}

/** With an article, everything else is written from it, and not from its sources. */
function briefOfPart(part: Part, brief: ContentBrief): ContentBrief {
  const inputs = { ...brief.inputs, passages: [], refused_passages: [] };
  if (isMediaPart(part)) return { ...brief, inputs, research: [] };
  if (part === 'blog' || !brief.request.content_types.includes('blog')) return brief;
  const article = { from: articleStep(brief.words), label: 'article', words: Math.round(brief.words * 1.3) };
  return { ...brief, basis: [article], inputs, research: [] };
}

/** Every step of a job, each after those that it waits for. */
export function contentSteps(brief: ContentBrief): ContentStep[] {
  if (brief.inputs.rewrite !== undefined) return rewriteSteps(brief, brief.inputs.rewrite);
  const written = partsOf(brief.request).flatMap((part) =>
    part === CONTENT_KIT ? [] : PIPELINES[part].steps(briefOfPart(part, brief)),
  );
  return [...recordingSteps(brief), ...researchSteps(brief), ...written];
}

/** The document of a part whose steps have all succeeded. */
export function assemblePart(part: Part, brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  if (brief.inputs.rewrite !== undefined) return assembleRewrite(brief, outputs);
  if (part === CONTENT_KIT)
    return assembleContentKit(brief.language, (component) => assemblePart(component, brief, outputs));
  const own = briefOfPart(part, brief);
  const document = PIPELINES[part].assemble(own, outputs);
  const sources = sourcesOf(own, outputs);
  const refused = refusedSources(own, outputs);
  return {
    ...document,
    content: {
      // An article lists the sources that it names; other parts list what they were written from.
      ...(sources.length > 0 && { sources: presentSources(sources) }),
      ...document.content,
      ...(refused.length > 0 && { refused_sources: refused }),
    },
    markdown: document.markdown.trim(),
  };
}

/** The step whose text a part delivers as it is written; undefined if it delivers an object. */
export function writtenStep(part: Part, { words, inputs }: ContentBrief): string | undefined {
  if (inputs.rewrite !== undefined) return REWRITE;
  return part === 'blog' ? articleStep(words) : undefined;
}
