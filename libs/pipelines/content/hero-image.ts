/** An image for an article, and the text alternative of what was drawn. */

import type { PlannedCall } from '#libs/contracts/generation-requests.ts';
import { type ImageRequest, imageOrder } from '#libs/contracts/images.ts';
import { byteBound, cutToByteBound } from '../byte-bound.ts';
import { IMAGE_STEP, type ImagePlanInput, planImage } from '../image.ts';
import { ALT_TEXT_STEP } from '../image-descriptions.ts';
import { articleStep, isShortForm, OUTLINE, type Outline } from './blog.ts';
import {
  type ContentBrief,
  type ContentPipeline,
  type ContentStep,
  jsonOf,
  markdownOf,
  type StepOutputs,
  type StoredMedia,
} from './step.ts';
import { plainText, splitTitle } from './text.ts';

const DRAW = 'hero_image.draw';
const DESCRIBE = 'hero_image.describe';

const TASK =
  'The hero image of an article: one clear subject, photographic, wide, without any text or logo. The article:';
/** Of the title and the headings in prompts. */
const SUBJECT_BYTES = 600;
const PROMPT_BYTES = byteBound(TASK) + 1 + SUBJECT_BYTES;
/** The shape in which articles show images. */
const SIZE = { width: 1_536, height: 1_024 };

export const heroImagePipeline: ContentPipeline = {
  steps: (brief) => {
    const shared = {
      ...{ part: 'hero_image', role: 'fast', task: '', words: 0, hasSpare: false, counts: {} },
    } as const satisfies Partial<ContentStep>;
    return [
      {
        ...shared,
        key: DRAW,
        template: 'hero_image.draw@1',
        message: 'hero_image',
        inputs: [{ from: subjectStep(brief), label: 'article', words: 0 }],
        spec: { kind: 'image' },
      },
      {
        ...shared,
        key: DESCRIBE,
        template: 'hero_image.describe@1',
        message: 'alt_text',
        inputs: [{ from: DRAW, label: 'image', words: 0 }],
        spec: { kind: 'alt_text', image: DRAW },
      },
    ];
  },
  assemble: (brief, outputs) => {
    const { title } = heroSubject(brief, outputs);
    const image = jsonOf<StoredMedia>(outputs, DRAW);
    const { alt_text: altText } = jsonOf<{ alt_text: string }>(outputs, DESCRIBE);
    return {
      title,
      content: { title, alt_text: altText, ...image },
      markdown: `![${altText.replace(/[[\]]/g, '')}](/api/media/${image.media_id})`,
    };
  },
};

/** An image begins with the outline, while the article is written. */
function subjectStep({ words }: ContentBrief): string {
  return isShortForm(words) ? articleStep(words) : OUTLINE;
}

/** What the article is about: its title, and the headings of its sections. */
export function heroSubject(brief: ContentBrief, outputs: StepOutputs): { title: string; text: string } {
  const { title, headings } = isShortForm(brief.words)
    ? ofArticle(brief, markdownOf(outputs, subjectStep(brief)))
    : ofOutline(jsonOf<Outline>(outputs, OUTLINE));
  return { title, text: cutToByteBound([title, ...headings].join('\n'), SUBJECT_BYTES) };
}

function ofOutline({ title, sections }: Outline) {
  return { title, headings: sections.map(({ heading }) => heading) };
}

function ofArticle({ request }: ContentBrief, markdown: string) {
  const { title, body } = splitTitle(markdown);
  const headings = [...body.matchAll(/^##\s+(.+)$/gm)].map(([, heading = '']) => plainText(heading));
  return { title: title ?? request.topic ?? plainText(body).slice(0, 80), headings };
}

/** The request of what is drawn. @param subject of {@link heroSubject}. */
export function heroImageRequest(subject: string): ImageRequest {
  return subjectRequest(`${TASK}\n${subject}`);
}

/** The request that the text alternative describes: its prompt is in the language of the article. */
export function subjectRequest(subject: string): ImageRequest {
  return imageOrder.parse({ prompt: subject });
}

/** The calls of a hero image, with the bounds of its longest prompt. */
export function planHeroImage(
  input: Pick<ImagePlanInput, 'image' | 'fallbacks' | 'altText' | 'quality' | 'qualities'>,
): { draw: PlannedCall; describe: PlannedCall } {
  const request = imageOrder.parse({ prompt: 'x'.repeat(PROMPT_BYTES) });
  const { calls } = planImage({ ...input, request, size: SIZE });
  const draw = calls.find(({ step }) => step === IMAGE_STEP);
  const describe = calls.find(({ step }) => step === ALT_TEXT_STEP);
  if (draw === undefined || describe === undefined) throw new Error('A hero image has two calls.');
  return { draw, describe };
}
