/** The pipeline of a request: the steps of every content type, as data. */
import {
  CONTENT_TYPES,
  type ContentType,
  type GenerateRequest,
  MIN_WORDS,
} from '#libs/contracts/generate.ts';
import { articleStep, blogPipeline } from './blog.ts';
import { contentPlanPipeline } from './content-plan.ts';
import { imagePromptsPipeline } from './image-prompts.ts';
import { detectLanguage, languageCode } from './language.ts';
import { newsletterPipeline } from './newsletter.ts';
import { audioPipeline, videoPipeline } from './scripts.ts';
import { seoPipeline } from './seo.ts';
import { socialPipeline } from './social.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  type DocumentContent,
  SOURCE,
  type StepInput,
  type StepOutputs,
} from './step.ts';

const PIPELINES: Readonly<Record<ContentType, ContentPipeline>> = {
  blog: blogPipeline,
  social: socialPipeline,
  audio: audioPipeline,
  video: videoPipeline,
  newsletter: newsletterPipeline,
  seo: seoPipeline,
  content_plan: contentPlanPipeline,
  image_prompts: imagePromptsPipeline,
};

const WORDS = { short: 300, medium: 800, long: 1_500 } as const;

/** Words of the requested article. */
export function requestedWords({ length }: Pick<GenerateRequest, 'length'>): number {
  return typeof length === 'string' ? WORDS[length] : length;
}

/** The scale is kept in thousandths, so that the gateway and generation compute the same pipeline. */
export const SCALE_STEPS = 1_000;

/** @param scale share of the requested length, in thousandths. */
export function briefOf(request: GenerateRequest, scale: number): ContentBrief {
  const language =
    request.language === undefined
      ? detectLanguage(request.topic ?? request.text ?? '')
      : languageCode(request.language);
  const words = Math.max(MIN_WORDS, Math.floor((requestedWords(request) * scale) / SCALE_STEPS));
  return { request, words, language, hasSpares: scale === SCALE_STEPS, basis: sourceOf(request) };
}

function sourceOf({ text, document_id: documentId }: GenerateRequest): StepInput[] {
  return text === undefined && documentId === undefined ? [] : [{ from: SOURCE, label: 'text', words: 0 }];
}

/** With an article, everything else is written from it. */
function briefOfPart(part: ContentType, brief: ContentBrief): ContentBrief {
  if (part === 'blog' || !brief.request.content_types.includes('blog')) return brief;
  const article = { from: articleStep(brief.words), label: 'article', words: Math.round(brief.words * 1.3) };
  return { ...brief, basis: [article] };
}

/** The parts of a request, in the order in which they are delivered. */
export function partsOf({ content_types: types }: Pick<GenerateRequest, 'content_types'>): ContentType[] {
  return CONTENT_TYPES.filter((type) => types.includes(type));
}

/** Every step of a job, each after those that it waits for. */
export function contentSteps(brief: ContentBrief): ContentStep[] {
  return partsOf(brief.request).flatMap((part) => PIPELINES[part].steps(briefOfPart(part, brief)));
}

/** The document of a part whose steps have all succeeded. */
export function assemblePart(part: ContentType, brief: ContentBrief, outputs: StepOutputs): DocumentContent {
  const document = PIPELINES[part].assemble(briefOfPart(part, brief), outputs);
  return { ...document, markdown: document.markdown.trim() };
}

/** The step whose text a part delivers as it is written; undefined if it delivers an object. */
export function writtenStep(part: ContentType, { words }: ContentBrief): string | undefined {
  return part === 'blog' ? articleStep(words) : undefined;
}
